# Shipped recipes are compiled in: recipes/*.yaml -> vq_shipped_recipes[].
