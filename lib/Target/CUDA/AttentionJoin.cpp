//===- AttentionJoin.cpp - parts of the keys ------------------------------===//
// Warps that had some of the keys of a row left the sums of values, the maximum
// and the sum of exponentials in scratch: a warp for each row joins them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr double kLowest = -std::numeric_limits<float>::infinity();

int64_t Attention::parts() const {
  return (k.type.getDimSize(1) + kPartKeys - 1) / kPartKeys * kWarps;
}

Value Attention::part(Value group, Value part, Value row) {
  Value place = e.add(e.mul(batch, groups), group);
  place = e.add(e.mul(place, parts()), part);
  place = e.add(e.mul(place, kRows), row);
  return e.at(e.scratch, e.b.getF32Type(), e.mul(place, stateSize()));
}

void cuda::emitAttentionJoin(Attention &a, LaunchShape shape) {
  KernelEmitter &e = a.e;
  ImplicitLocOpBuilder &b = e.b;
  MathEmitter math(b, b.getLoc());
  shape.threads = Attention::kWarps * kWarp;
  shape.grid = {KernelEmitter::extent(a.q, 0, 3, Attention::kWarps)};
  e.begin(shape);
  Value unit =
      e.add(e.mul(e.wide(e.block(0)), Attention::kWarps), e.wide(e.warp));
  e.when(e.less(unit, e.product(a.q, 0, 3)), [&] {
    Value head = e.rem(unit, a.heads), token = e.div(unit, a.heads);
    Value query = e.rem(token, a.q.dims[1]);
    a.enterBatch(e.div(token, a.q.dims[1]));
    Value group = e.div(head, a.perGroup);
    Value row = e.add(e.mul(query, a.perGroup), e.rem(head, a.perGroup));
    Attention::Range keys = a.keysOf(query);
    Value first =
        e.mul(e.div(keys.first, Attention::kPartKeys), Attention::kWarps);
    Value limit = e.mul(e.div(e.add(keys.limit, Attention::kPartKeys - 1),
                              Attention::kPartKeys),
                        Attention::kWarps);
    Type f32 = b.getF32Type();
    auto read = [&](Value part, Value column) {
      return e.loadScalar(e.at(a.part(group, part, row), f32, column), f32);
    };
    Value highest = e.loop(
        first, limit, e.index(1), {e.real(kLowest)},
        [&](Value part, ValueRange carried) -> SmallVector<Value> {
          return {math.fastMax(read(part, e.number(a.valueDepth)), carried[0])};
        })[0];
    Value nothing = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, highest,
                                          e.real(kLowest));
    highest = e.select(nothing, e.real(0), highest);
    int64_t registers = (a.valueDepth + kWarp - 1) / kWarp;
    auto column = [&](int64_t i) {
      return e.min(e.add(e.lane, i * kWarp), e.number(a.valueDepth - 1));
    };
    SmallVector<Value> sums(size_t(registers) + 1, e.real(0));
    sums = e.loop(
        first, limit, e.index(1), sums, [&](Value part, ValueRange carried) {
          Value distance = arith::SubFOp::create(
              b, read(part, e.number(a.valueDepth)), highest);
          Value factor =
              e.exp2(arith::MulFOp::create(b, distance, e.real(a.factor())));
          SmallVector<Value> next;
          for (auto [i, sum] : llvm::enumerate(carried)) {
            Value at = i ? column(int64_t(i) - 1) : e.number(a.valueDepth + 1);
            next.push_back(math::FmaOp::create(b, read(part, at), factor, sum));
          }
          return next;
        });
    Value zero = e.real(0);
    Value none =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sums[0], zero);
    Value inverse = e.select(none, zero, math.reciprocal(sums[0]));
    Value to = a.offset(a.out, query, head);
    for (int64_t i = 0; i < registers; ++i)
      e.store(
          e.broadcast(arith::MulFOp::create(b, sums[size_t(i) + 1], inverse),
                      1),
          e.at(a.out.pointer, a.out.element(), e.add(to, e.wide(column(i)))),
          a.out.element(),
          e.less(e.add(e.lane, i * kWarp), e.number(a.valueDepth)));
  });
}
