# Shipped recipes are compiled in: recipes/*.yaml -> vq_shipped_recipes[]. Arrays of characters, because C11 promises string
# literals of 4095 characters only.
if(TARGET vq_recipe)
  file(GLOB recipe_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/recipes/*.yaml)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${recipe_files})
  set(recipe_texts "")
  set(recipe_rows "")
  set(recipe_index 0)
  foreach(recipe_file ${recipe_files})
    get_filename_component(recipe_name ${recipe_file} NAME_WLE)
    file(READ ${recipe_file} recipe_hex HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," recipe_bytes "${recipe_hex}")
    string(REGEX REPLACE "(('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',))" "\\1\n" recipe_bytes "${recipe_bytes}")
    string(APPEND recipe_texts "static const char text_${recipe_index}[] = {${recipe_bytes}0};\n")
    string(APPEND recipe_rows "    {\"${recipe_name}\", text_${recipe_index}},\n")
    math(EXPR recipe_index "${recipe_index} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/shipped_recipes.c CONTENT
"/* Made from recipes/ by cmake/recipes.cmake. */
#include \"recipe/recipe.h\"

@recipe_texts@
const vq_shipped vq_shipped_recipes[] = {
@recipe_rows@    {NULL, NULL},
};
" @ONLY)
  target_sources(vq_recipe PRIVATE ${CMAKE_BINARY_DIR}/shipped_recipes.c)
endif()
