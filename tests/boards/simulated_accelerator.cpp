// The Verilated module weft_accelerator as a library: a bus of two functions that make AXI4-Lite accesses, as weft_driver.h wants it.
#include <cstdint>

#include "Vweft_accelerator.h"
#include "verilated.h"

namespace {

struct Board {
    VerilatedContext context;
    Vweft_accelerator top{&context};

    explicit Board(const char** arguments) { context.commandArgs(1, arguments); }

    void step() {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }
    // The combinational outputs of this cycle, before its edge.
    void settle() {
        top.clk = 0;
        top.eval();
    }
};

constexpr int kLimit = 1000;

}  // namespace

extern "C" {

void* board_new(int seed) {
    static const char* arguments[] = {"board"};
    Board* board = new Board(arguments);
    board->context.randReset(2);
    board->context.randSeed(seed);
    return board;
}

void board_delete(void* context) { delete static_cast<Board*>(context); }

void board_reset(void* context) {
    Board& board = *static_cast<Board*>(context);
    board.top.s_axil_awvalid = board.top.s_axil_wvalid = board.top.s_axil_arvalid = 0;
    board.top.s_axil_bready = board.top.s_axil_rready = 0;
    board.top.rst = 1;
    for (int i = 0; i < 4; ++i) board.step();
    board.top.rst = 0;
}

// Clock cycles until irq is high, at most `limit`; -1 where it does not rise.
int board_wait_irq(void* context, int limit) {
    Board& board = *static_cast<Board*>(context);
    for (int cycle = 0; cycle <= limit; ++cycle) {
        if (board.top.irq) return cycle;
        board.step();
    }
    return -1;
}

int board_irq(void* context) { return static_cast<Board*>(context)->top.irq; }

int board_write(void* context, uint32_t address, uint32_t value) {
    Board& board = *static_cast<Board*>(context);
    auto& top = board.top;
    top.s_axil_awaddr = address;
    top.s_axil_wdata = value;
    top.s_axil_wstrb = 0xF;
    top.s_axil_awvalid = top.s_axil_wvalid = 1;
    top.s_axil_bready = 1;
    for (int cycle = 0; cycle < kLimit; ++cycle) {
        board.settle();
        const bool address_taken = top.s_axil_awvalid && top.s_axil_awready, data_taken = top.s_axil_wvalid && top.s_axil_wready;
        const bool answered = top.s_axil_bvalid;
        const int response = top.s_axil_bresp;
        board.step();
        if (address_taken) top.s_axil_awvalid = 0;
        if (data_taken) top.s_axil_wvalid = 0;
        if (answered) {
            top.s_axil_bready = 0;
            return response;
        }
    }
    return -1;
}

int board_read(void* context, uint32_t address, uint32_t* value) {
    Board& board = *static_cast<Board*>(context);
    auto& top = board.top;
    top.s_axil_araddr = address;
    top.s_axil_arvalid = 1;
    top.s_axil_rready = 1;
    for (int cycle = 0; cycle < kLimit; ++cycle) {
        board.settle();
        const bool taken = top.s_axil_arvalid && top.s_axil_arready, answered = top.s_axil_rvalid;
        const int response = top.s_axil_rresp;
        *value = top.s_axil_rdata;
        board.step();
        if (taken) top.s_axil_arvalid = 0;
        if (answered) {
            top.s_axil_rready = 0;
            return response;
        }
    }
    return -1;
}
}
