/* What a network takes, from planes of its size: filters/matting/segmenter.py. */

/* BT.601, limited range, in OpenCV's fixed point of 20 bits. */
enum { SHIFT = 20, LUMA = 1220542, BLUE_U = 2116026, GREEN_U = -409993, GREEN_V = -852492, RED_V = 1673527 };

static size_t to_network_scratch(int width) { return 3 * (4 * (size_t)width + 64); }

/* What chroma adds to red, green and blue, for two pixels each. */
static void chroma_row(const uint8_t *RESTRICT u, const uint8_t *RESTRICT v, int32_t *RESTRICT red, int32_t *RESTRICT green,
                       int32_t *RESTRICT blue, int width)
{
    const int32_t half = 1 << (SHIFT - 1);
    for (int x = 0; x < width; x++) {
        int32_t a = u[x] - 128, b = v[x] - 128;
        red[2 * x] = red[2 * x + 1] = half + RED_V * b;
        green[2 * x] = green[2 * x + 1] = half + GREEN_V * b + GREEN_U * a;
        blue[2 * x] = blue[2 * x + 1] = half + BLUE_U * a;
    }
}

static void channel_row(const uint8_t *RESTRICT luma, const int32_t *RESTRICT chroma, float gain, float bias,
                        float *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        int32_t value = ((luma[x] > 16 ? luma[x] - 16 : 0) * LUMA + chroma[x]) >> SHIFT;
        value = value < 0 ? 0 : value > 255 ? 255 : value;
        out[x] = gain * value + bias;
    }
}

/* Red, green and blue, one below the other, each gain * level + bias. Width and height are even. */
static int to_network(Planes source, const float gain[3], const float bias[3], Alpha out, void *scratch)
{
    int width = source.y.width, height = source.y.height;
    uint8_t *block = scratch;
    int32_t *chroma[3];
    for (int k = 0; k < 3; k++)
        chroma[k] = cut(&block, 4 * (size_t)width);
    for (int y = 0; y < height; y++) {
        if (y % 2 == 0)
            chroma_row(row8(source.u, y / 2), row8(source.v, y / 2), chroma[0], chroma[1], chroma[2], width / 2);
        for (int k = 0; k < 3; k++)
            channel_row(row8(source.y, y), chroma[k], gain[k], bias[k], row32(out, k * height + y), width);
    }
    return 1;
}
