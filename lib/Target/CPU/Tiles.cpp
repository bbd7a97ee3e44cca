//===- Tiles.cpp - the AMX tiles of a thread ------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Tiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

void Tiles::call(StringRef name, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(
      e.b, e.b.getStringAttr("llvm.x86." + name.str()), operands);
}

Value Tiles::number(int64_t tile) {
  return arith::ConstantIntOp::create(e.b, tile, 8);
}

void Tiles::configure(Value scratch, Value rows) {
  // Palette 1; bytes of a row (16 bits each) from 16 on, rows from 48 on.
  Type byte = e.b.getI8Type();
  auto put = [&](int64_t offset, Value value) {
    LLVM::StoreOp::create(e.b, value, e.at(scratch, byte, e.index(offset)));
  };
  for (int64_t word = 0; word < 64; word += 8)
    put(word, e.index(word == 0 ? 1 : 0));
  Value few = arith::TruncIOp::create(e.b, byte, rows);
  for (int64_t tile = 0; tile < kAll; ++tile) {
    put(16 + 2 * tile, arith::ConstantIntOp::create(e.b, kLine, 16));
    put(48 + tile, tile < kWeights ? few : number(kRows));
  }
  call("ldtilecfg", scratch);
}

void Tiles::release() { call("tilerelease", {}); }

void Tiles::zero(int64_t tile) { call("tilezero", number(tile)); }

void Tiles::load(int64_t tile, Value pointer, Value stride, bool once) {
  call(once ? "tileloaddt164" : "tileloadd64", {number(tile), pointer, stride});
}

void Tiles::store(int64_t tile, Value pointer, Value stride) {
  call("tilestored64", {number(tile), pointer, stride});
}

void Tiles::multiply(int64_t sum, int64_t input, int64_t weight) {
  call("tdpbf16ps", {number(sum), number(input), number(weight)});
}
