/* Driver of a Weft accelerator, the same for every network: C99, stdint.h alone, no memory of its own.
 *
 * It moves int8 tensors and runs the accelerator's program.  Operators that the network leaves to the host (a softmax at its end, and
 * what follows it) are not among its work: weft_network.h says which they are, and outputs are what the accelerator leaves to them.
 * Of one accelerator, calls follow each other: it makes one inference at a time.
 *
 * Generated files are yours: use, change and distribute them under any terms you like. */
#ifndef WEFT_DRIVER_H
#define WEFT_DRIVER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum weft_result {
    WEFT_OK,
    WEFT_BUS_FAILED,     /* a callback of the bus has returned another value than 0 */
    WEFT_NO_ACCELERATOR, /* ID reads something else: base address, configuration of the device, clock, reset */
    WEFT_BUS_CORRUPTS,   /* SCRATCH reads not as written: width, byte order or timing of the bus */
    WEFT_OTHER_VERSION,  /* the register map is another version than the one that this driver is for */
    WEFT_OTHER_DESIGN,   /* an accelerator of another configuration */
    WEFT_BUSY,           /* a run is under way: wait for its end first */
    WEFT_TIMEOUT,        /* the run has not ended; weft_wait may be called again */
    WEFT_WAS_RESET,      /* no run is under way and none has ended: something has reset the accelerator */
    WEFT_OTHER_PROGRAM,  /* the run took other cycles than the network does: something has written to the memories, load it again */
    WEFT_OTHER_NETWORK   /* the memories hold another network, other weights, or none yet: load this one, or configure the device with it */
};

/* The way to the accelerator: accesses of 32 bits at byte addresses within it.  They return 0, or anything else when they fail. */
struct weft_bus {
    void *context;
    int (*read)(void *context, uint32_t address, uint32_t *value);
    int (*write)(void *context, uint32_t address, uint32_t value);
};

/* A register and what it reads. */
struct weft_register {
    uint32_t address, value;
};

/* A tensor in activation memory, in C order for the host (height, width, channels): its first word, words from a row to the next, and
 * from a pixel to the next; 0 where a row is stored without gaps. */
struct weft_tensor {
    const char *name;
    uint32_t height, width, channels;
    uint32_t word, row_words, pixel_words;
};

/* Contents of a memory, from a byte address of the accelerator on. */
struct weft_image {
    uint32_t address, count;
    const uint32_t *words;
};

/* A network on an accelerator; weft_network.c has one.  cycles: of an inference, exactly.  word_bytes: of activation memory, each word
 * in word_chunks words of the bus.  configuration: what the accelerator's registers read.  identity: what its program memory begins with
 * when it holds this network with these weights. */
struct weft_network {
    const char *name;
    uint32_t cycles, word_bytes, word_chunks;
    const struct weft_register *configuration;
    uint32_t configuration_count;
    const struct weft_register *identity;
    uint32_t identity_count;
    const struct weft_tensor *inputs;
    uint32_t input_count;
    const struct weft_tensor *outputs;
    uint32_t output_count;
};

/* An opened accelerator.  address: of the last access; after an error, of the one that failed or the register that differs. */
struct weft_accelerator {
    struct weft_bus bus;
    const struct weft_network *network;
    uint32_t address;
};

/* A bus for a processor that has the accelerator in its address space.  An access that the accelerator refuses is then the processor's
 * own bus error; the driver makes none. */
struct weft_bus weft_mapped(volatile uint32_t *base);

/* Whether the accelerator answers, over a bus that carries data as they are, and is the one that the network was generated for. */
enum weft_result weft_open(struct weft_accelerator *accelerator, struct weft_bus bus, const struct weft_network *network);

/* Whether the memories hold this network with these weights; WEFT_OTHER_NETWORK if not.  weft_start looks too. */
enum weft_result weft_check(struct weft_accelerator *accelerator);

/* Writes program, weights, parameters and tables; needed unless the device's configuration has them in its memories. */
enum weft_result weft_load(struct weft_accelerator *accelerator, const struct weft_image *images, uint32_t count);

/* Writes an input: int8, height * width * channels of them.  A run overwrites it. */
enum weft_result weft_write(struct weft_accelerator *accelerator, const struct weft_tensor *input, const int8_t *values);

/* Starts a run.  interrupt: whether the line irq rises at its end; weft_wait lowers it. */
enum weft_result weft_start(struct weft_accelerator *accelerator, int interrupt);

/* Reads STATUS until the run has ended, at most `polls` times; 0: as often as an inference has cycles, which is enough on every bus. */
enum weft_result weft_wait(struct weft_accelerator *accelerator, uint32_t polls);

/* Reads an output: int8, height * width * channels of them. */
enum weft_result weft_read(struct weft_accelerator *accelerator, const struct weft_tensor *output, int8_t *values);

/* All of an inference: every input written, a run, every output read, in the order of the network's. */
enum weft_result weft_run(struct weft_accelerator *accelerator, const int8_t *const *inputs, int8_t *const *outputs, uint32_t polls);

/* Clock cycles of the current or last run. */
enum weft_result weft_cycles(struct weft_accelerator *accelerator, uint32_t *cycles);

/* The name of a result, such as "WEFT_TIMEOUT". */
const char *weft_result_name(enum weft_result result);

#ifdef __cplusplus
}
#endif

#endif
