/* architecture_logits.h -- made by tests/model/make_reference.py: logits of transformers 5.23 in
 * fp32. */
static const struct {
    const char *name;
    double sum_of_squares; /* over all positions and the vocabulary */
    float last[6];         /* last position, six ids */
} logits_of[] = {
    {"llama3_rope",
     2123.4493,
     {1.228224f, 0.449909f, -1.946794f, -0.191384f, 0.620103f, -0.868264f}},
    {"llama_linear_rope_biases",
     25592.4047,
     {-4.942776f, -0.963078f, 4.195943f, -2.350414f, 2.817840f, 2.089489f}},
    {"mistral_window",
     2192.0203,
     {-0.739447f, 0.281300f, 1.768639f, 0.561485f, 1.017570f, 0.016105f}},
    {"qwen2_window_from_block_1",
     25991.6631,
     {0.435247f, -1.352774f, -4.034814f, -8.046284f, -1.094778f, 0.204176f}},
    {"qwen3", 1911.9721, {0.064809f, -1.690941f, 1.040002f, 1.691248f, -0.336985f, 0.973623f}},
};
