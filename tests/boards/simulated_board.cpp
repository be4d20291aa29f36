// A board in software: the Verilated module weft_uart, its clock and reset, and a UART of fractional bit length at its line's far end,
// whose bytes come from and go to a file descriptor.  Ends when that is closed.
//   simulated_board FD BIT_CYCLES_OF_ITS_SENDER SEED
#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "Vweft_uart.h"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    const int fd = std::atoi(argv[1]);
    const double sender_bit = std::atof(argv[2]);
    const double bit = 8.0;
    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.randReset(2);
    context.randSeed(std::atoi(argv[3]));
    Vweft_uart board{&context};
    std::deque<uint8_t> queue;
    bool sending = false, receiving = false;
    uint64_t cycle = 0, send_start = 0, receive_start = 0, busy_until = 0;
    uint8_t sent = 0, received = 0;
    int sample = 0;
    board.rx = 1;
    board.rst = 1;
    for (;; ++cycle) {
        board.rst = cycle < 4;
        if (!sending && !queue.empty() && cycle > 8) {
            sending = true;
            send_start = cycle;
            sent = queue.front();
            queue.pop_front();
        }
        if (sending) {
            const int place = static_cast<int>((cycle - send_start) / sender_bit);
            board.rx = place == 0 ? 0 : place <= 8 ? (sent >> (place - 1)) & 1 : 1;
            if (place >= 10) sending = false;
            busy_until = cycle + 3000000;
        }
        board.clk = 0;
        board.eval();
        board.clk = 1;
        board.eval();
        if (!receiving && !board.tx && cycle > 8) {
            receiving = true;
            receive_start = cycle;
            sample = 0;
            received = 0;
        }
        if (receiving && cycle - receive_start >= (sample + 0.5) * bit) {
            if (sample >= 1 && sample <= 8) received |= board.tx << (sample - 1);
            if (sample == 9) {
                receiving = false;
                if (!board.tx || write(fd, &received, 1) != 1) return 3;
                busy_until = cycle + 3000000;
            }
            ++sample;
        }
        if (queue.empty() && !sending && cycle % 32 == 0) {
            // A board at rest does not take the processor from the tests beside it.
            pollfd port{fd, POLLIN, 0};
            if (poll(&port, 1, cycle > busy_until && cycle % 4096 == 0 ? 2 : 0) > 0) {
                uint8_t data[512];
                const ssize_t count = read(fd, data, sizeof data);
                if (count <= 0) return 0;
                queue.insert(queue.end(), data, data + count);
            }
        }
    }
}
