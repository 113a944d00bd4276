// Plays a stream of ours through the market manager of CppTrader. Compiled on demand by peer_cpptrader.py.

#include <cstdint>
#include <ctime>

#include "trader/matching/market_manager.h"

using namespace CppTrader::Matching;

namespace {

// The head of engine.messages.MESSAGE, one cache line.
struct Message {
    int8_t action, side, order_type, tif, peg, post_only;
    uint16_t has;
    int64_t order_id, price, qty;
    int64_t unused[4];
};
static_assert(sizeof(Message) == 64);

enum Action : int8_t { ADD = 0, CANCEL = 1, REDUCE = 2 };

// Half of an execution: what happened to one of the two orders.
struct Half {
    uint64_t order_id;
    int64_t price, qty;
};

class Recorder : public MarketHandler {
public:
    Half* next = nullptr;

protected:
    void onExecuteOrder(const Order& order, uint64_t price, uint64_t quantity) override {
        *next++ = {order.Id, static_cast<int64_t>(price), static_cast<int64_t>(quantity)};
    }
};

void serve(MarketManager& market, const Message& message, int8_t market_type, int8_t ioc_tif) {
    const uint64_t id = static_cast<uint64_t>(message.order_id);
    if (message.action == ADD) {
        const OrderSide side = message.side == 0 ? OrderSide::BUY : OrderSide::SELL;
        if (message.order_type == market_type)
            market.AddOrder(Order::Market(id, 0, side, message.qty));
        else
            market.AddOrder(Order::Limit(id, 0, side, message.price, message.qty,
                                         message.tif == ioc_tif ? OrderTimeInForce::IOC : OrderTimeInForce::GTC));
    } else if (message.action == CANCEL) {
        market.DeleteOrder(id);
    } else {
        market.ReduceOrder(id, message.qty);
    }
}

int64_t thread_ns() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

// Plays `warm` messages, then `count` more by the clock; `ends[n]` is where the halves of message n end.
// Returns processor time of the thread in ns.
extern "C" int64_t play(const Message* warm_up, int64_t warm, const Message* messages, int64_t count, Half* halves,
                        int64_t* ends, int8_t market_type, int8_t ioc_tif) {
    Recorder recorder;
    MarketManager market(recorder);
    const Symbol symbol(0, "BOOK    ");
    market.AddSymbol(symbol);
    market.AddOrderBook(symbol);
    market.EnableMatching();
    for (int64_t n = 0; n < warm; ++n) {
        recorder.next = halves;
        serve(market, warm_up[n], market_type, ioc_tif);
    }
    recorder.next = halves;
    const int64_t start = thread_ns();
    for (int64_t n = 0; n < count; ++n) {
        serve(market, messages[n], market_type, ioc_tif);
        ends[n] = recorder.next - halves;
    }
    return thread_ns() - start;
}
