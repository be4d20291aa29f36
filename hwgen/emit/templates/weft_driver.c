/* Driver of a Weft accelerator; weft_driver.h says what the functions do.
 * Generated files are yours: use, change and distribute them under any terms you like. */
#include "weft_driver.h"
#include "weft_registers.h"

static enum weft_result get(struct weft_accelerator *accelerator, uint32_t address, uint32_t *value)
{
    accelerator->address = address;
    return accelerator->bus.read(accelerator->bus.context, address, value) ? WEFT_BUS_FAILED : WEFT_OK;
}

static enum weft_result put(struct weft_accelerator *accelerator, uint32_t address, uint32_t value)
{
    accelerator->address = address;
    return accelerator->bus.write(accelerator->bus.context, address, value) ? WEFT_BUS_FAILED : WEFT_OK;
}

static enum weft_result compare(
    struct weft_accelerator *accelerator, const struct weft_register *expected, uint32_t count, enum weft_result different)
{
    enum weft_result result;
    uint32_t value, i;
    for (i = 0; i < count; ++i) {
        if ((result = get(accelerator, expected[i].address, &value)) != WEFT_OK) return result;
        if (value != expected[i].value) return different;
    }
    return WEFT_OK;
}

/* Memories are refused while a run is under way; on a mapped bus that would be a fault of the processor. */
static enum weft_result idle(struct weft_accelerator *accelerator)
{
    uint32_t status;
    enum weft_result result = get(accelerator, WEFT_REG_STATUS, &status);
    return result == WEFT_OK && (status & WEFT_STATUS_BUSY_MASK) ? WEFT_BUSY : result;
}

static int mapped_read(void *context, uint32_t address, uint32_t *value)
{
    *value = ((volatile uint32_t *)context)[address / 4];
    return 0;
}

static int mapped_write(void *context, uint32_t address, uint32_t value)
{
    ((volatile uint32_t *)context)[address / 4] = value;
    return 0;
}

struct weft_bus weft_mapped(volatile uint32_t *base)
{
    struct weft_bus bus;
    bus.context = (void *)(uintptr_t)base;
    bus.read = mapped_read;
    bus.write = mapped_write;
    return bus;
}

enum weft_result weft_open(struct weft_accelerator *accelerator, struct weft_bus bus, const struct weft_network *network)
{
    static const uint32_t patterns[] = {0xA5A53C3Cu, 0x5A5AC3C3u}; /* every data bit in both states, and neighbours apart */
    const uint32_t least_minor = WEFT_VERSION_MINOR_VALUE;
    enum weft_result result;
    uint32_t value, major, minor, i;

    accelerator->bus = bus;
    accelerator->network = network;
    if ((result = get(accelerator, WEFT_REG_ID, &value)) != WEFT_OK) return result;
    if (value != WEFT_ID_VALUE) return WEFT_NO_ACCELERATOR;
    for (i = 0; i < sizeof patterns / sizeof patterns[0]; ++i) {
        if ((result = put(accelerator, WEFT_REG_SCRATCH, patterns[i])) != WEFT_OK) return result;
        if ((result = get(accelerator, WEFT_REG_SCRATCH, &value)) != WEFT_OK) return result;
        if (value != patterns[i]) return WEFT_BUS_CORRUPTS;
    }
    if ((result = get(accelerator, WEFT_REG_VERSION, &value)) != WEFT_OK) return result;
    major = (value & WEFT_VERSION_MAJOR_MASK) >> WEFT_VERSION_MAJOR_SHIFT;
    minor = (value & WEFT_VERSION_MINOR_MASK) >> WEFT_VERSION_MINOR_SHIFT;
    if (major != WEFT_VERSION_MAJOR_VALUE || minor < least_minor) return WEFT_OTHER_VERSION;
    return compare(accelerator, network->configuration, network->configuration_count, WEFT_OTHER_DESIGN);
}

enum weft_result weft_check(struct weft_accelerator *accelerator)
{
    const struct weft_network *network = accelerator->network;
    enum weft_result result = idle(accelerator);
    return result == WEFT_OK ? compare(accelerator, network->identity, network->identity_count, WEFT_OTHER_NETWORK) : result;
}

enum weft_result weft_load(struct weft_accelerator *accelerator, const struct weft_image *images, uint32_t count)
{
    enum weft_result result = idle(accelerator);
    uint32_t i, word;
    for (i = 0; i < count; ++i)
        for (word = 0; word < images[i].count && result == WEFT_OK; ++word)
            result = put(accelerator, images[i].address + 4 * word, images[i].words[word]);
    return result;
}

/* Moves a tensor, one of `from` and `to`, word by word of the bus.  What lies without gaps is a row, or a pixel. */
static enum weft_result transfer(struct weft_accelerator *accelerator, const struct weft_tensor *tensor, const int8_t *from, int8_t *to)
{
    const uint32_t bytes = accelerator->network->word_bytes, chunks = accelerator->network->word_chunks;
    const uint32_t pieces = tensor->pixel_words ? tensor->width : 1;
    const uint32_t length = tensor->width / pieces * tensor->channels;
    enum weft_result result = idle(accelerator);
    uint32_t y, x, i, k, count;

    for (y = 0; y < tensor->height; ++y)
        for (x = 0; x < pieces; ++x)
            for (i = 0; i < length && result == WEFT_OK; i += count) {
                const uint32_t word = tensor->word + y * tensor->row_words + x * tensor->pixel_words + i / bytes;
                const uint32_t address = WEFT_WINDOW_ACT + 4 * (word * chunks + i % bytes / 4);
                uint32_t value = 0;
                count = bytes - i % bytes < 4 ? bytes - i % bytes : 4;
                if (count > length - i) count = length - i;
                if (to) {
                    result = get(accelerator, address, &value);
                    for (k = 0; k < count; ++k, value >>= 8) *to++ = (int8_t)((int)((value & 0xFFu) ^ 0x80u) - 0x80);
                } else {
                    for (k = 0; k < count; ++k) value |= (uint32_t)(uint8_t)*from++ << 8 * k;
                    result = put(accelerator, address, value);
                }
            }
    return result;
}

enum weft_result weft_write(struct weft_accelerator *accelerator, const struct weft_tensor *input, const int8_t *values)
{
    return transfer(accelerator, input, values, 0);
}

enum weft_result weft_read(struct weft_accelerator *accelerator, const struct weft_tensor *output, int8_t *values)
{
    return transfer(accelerator, output, 0, values);
}

enum weft_result weft_start(struct weft_accelerator *accelerator, int interrupt)
{
    enum weft_result result = weft_check(accelerator);
    if (result == WEFT_OK) result = put(accelerator, WEFT_REG_IRQ_STATUS, WEFT_IRQ_STATUS_DONE_MASK);
    if (result != WEFT_OK) return result;
    return put(accelerator, WEFT_REG_CONTROL, WEFT_CONTROL_START_MASK | (interrupt ? WEFT_CONTROL_IRQ_ENABLE_MASK : 0));
}

enum weft_result weft_wait(struct weft_accelerator *accelerator, uint32_t polls)
{
    uint32_t left = polls ? polls : accelerator->network->cycles, status, cycles;
    enum weft_result result;
    do {
        if ((result = get(accelerator, WEFT_REG_STATUS, &status)) != WEFT_OK) return result;
    } while ((status & WEFT_STATUS_BUSY_MASK) && --left);
    if (status & WEFT_STATUS_BUSY_MASK) return WEFT_TIMEOUT;
    if (!(status & WEFT_STATUS_DONE_MASK)) return WEFT_WAS_RESET;
    if ((result = put(accelerator, WEFT_REG_IRQ_STATUS, WEFT_IRQ_STATUS_DONE_MASK)) != WEFT_OK) return result;
    if ((result = weft_cycles(accelerator, &cycles)) != WEFT_OK) return result;
    return cycles == accelerator->network->cycles ? WEFT_OK : WEFT_OTHER_PROGRAM;
}

enum weft_result weft_run(struct weft_accelerator *accelerator, const int8_t *const *inputs, int8_t *const *outputs, uint32_t polls)
{
    const struct weft_network *network = accelerator->network;
    enum weft_result result = WEFT_OK;
    uint32_t i;
    for (i = 0; i < network->input_count && result == WEFT_OK; ++i) result = weft_write(accelerator, &network->inputs[i], inputs[i]);
    if (result == WEFT_OK) result = weft_start(accelerator, 0);
    if (result == WEFT_OK) result = weft_wait(accelerator, polls);
    for (i = 0; i < network->output_count && result == WEFT_OK; ++i) result = weft_read(accelerator, &network->outputs[i], outputs[i]);
    return result;
}

enum weft_result weft_cycles(struct weft_accelerator *accelerator, uint32_t *cycles)
{
    return get(accelerator, WEFT_REG_CYCLES, cycles);
}

const char *weft_result_name(enum weft_result result)
{
    static const char *const names[] = {"WEFT_OK", "WEFT_BUS_FAILED", "WEFT_NO_ACCELERATOR", "WEFT_BUS_CORRUPTS", "WEFT_OTHER_VERSION",
        "WEFT_OTHER_DESIGN", "WEFT_BUSY", "WEFT_TIMEOUT", "WEFT_WAS_RESET", "WEFT_OTHER_PROGRAM", "WEFT_OTHER_NETWORK"};
    return (uint32_t)result < sizeof names / sizeof names[0] ? names[result] : "unknown";
}
