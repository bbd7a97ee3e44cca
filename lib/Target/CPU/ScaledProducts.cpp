//===- ScaledProducts.cpp - products with codes of small floats -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ScaledProducts.h"
#include "Tiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Products of a column in an iteration, more or less: enough for a loop's
/// counter to cost little.
static constexpr int64_t kProducts = 16;

//===----------------------------------------------------------------------===//
// The form
//===----------------------------------------------------------------------===//

/// Of a weight that meets values.
template <typename OpT>
static ScaledForm weightForm(OpT op, Value weight, Value scales,
                             const MachineModel &machine) {
  ScaledForm form{};
  auto type = cast<RankedTensorType>(weight.getType());
  graph::LayoutAttr layout = graph::layoutOf(type);
  form.width = layout ? layout.getWidth() : 0;
  form.k = type.getShape().back();
  form.group = std::max<int64_t>(form.within(int64_t(op.getGroup())), 1);
  form.codes = type.getElementType();
  form.scales = getElementTypeOrSelf(scales);
  form.columns = form.within(op.getWeightBlock()[1]);
  form.rowElement = op.getInput().getType().getElementType();
  form.anyOrder = true;
  form.pairs = form.rowElement.isBF16() && machine.dotsBf16;
  return form;
}

template <typename OpT>
static ScaledForm formOf(OpT op, Value weight, Value scales,
                         const MachineModel &machine) {
  ScaledForm form = weightForm(op, weight, scales, machine);
  bool narrow = form.rowElement.isBF16();
  if (op.getInputScales()) {
    form.inputCodes = form.rowElement;
    form.inputScales = getElementTypeOrSelf(op.getInputScales());
    form.inputColumns = form.within((*op.getInputBlock())[1]);
    narrow = true;
  }
  form.anyOrder = op.getOrder() == fp8::Order::Free;
  form.hopper = op.getOrder() == fp8::Order::Hopper;
  form.pairs = op.getOrder() == fp8::Order::Pairs ||
               (form.anyOrder && narrow && machine.dotsBf16);
  form.emulated = form.pairs && !machine.dotsBf16;
  Builder b(op->getContext());
  if (form.inputCodes)
    form.rowElement = form.pairs ? Type(b.getBF16Type()) : b.getF32Type();
  return form;
}

std::optional<ScaledForm> cpu::scaledFormOf(Operation *root,
                                            const MachineModel &machine) {
  if (auto op = dyn_cast<fp8::ScaledMatmulOp>(root))
    return formOf(op, op.getWeight(), op.getWeightScales(), machine);
  if (auto op = dyn_cast<fp8::ScaledGatedOp>(root))
    return formOf(op, op.getGate(), op.getGateScales(), machine);
  if (auto op = dyn_cast<fp8::ScaledExpertLinearOp>(root))
    return weightForm(op, op.getWeight(), op.getWeightScales(), machine);
  if (auto op = dyn_cast<fp8::ScaledExpertGatedOp>(root))
    return weightForm(op, op.getGate(), op.getGateScales(), machine);
  return std::nullopt;
}

std::string cpu::whyUnsupported(Operation *root, const ScaledForm &form) {
  auto isParameter = [](Value value) {
    return isa<BlockArgument>(value) || value.getDefiningOp<graph::WeightOp>();
  };
  auto product = [&](auto op, ValueRange weights) -> std::string {
    if (!llvm::all_of(weights, isParameter))
      return "expected codes and scales of parameters, which are packed";
    if (auto order = root->getAttrOfType<fp8::OrderAttr>("order");
        order && order.getValue() == fp8::Order::Hopper && !form.inputCodes)
      return "no kernel sums products of values in the order hopper";
    if (op.getWeightBlock()[0] != 1)
      return "expected a scale for each row of the weight; run fp8-pack-scales";
    if (form.grouped() && form.group % kCodesOfWord)
      return llvm::formatv("expected groups of a multiple of {0}, got {1}",
                           kCodesOfWord, form.group);
    return ShapedType::isDynamic(form.k) ? "expected a static K" : "";
  };
  return llvm::TypeSwitch<Operation *, std::string>(root)
      .Case<fp8::ScaledMatmulOp, fp8::ScaledExpertLinearOp>([&](auto op) {
        return product(op, {op.getWeight(), op.getWeightScales()});
      })
      .Case<fp8::ScaledGatedOp, fp8::ScaledExpertGatedOp>([&](auto op) {
        return product(op, {op.getGate(), op.getGateScales(), op.getUp(),
                            op.getUpScales()});
      });
}

bool cpu::fitsTiles(const ScaledForm &form, const MachineModel &machine) {
  return machine.tilesBf16 && form.anyOrder && form.pairs &&
         (!form.grouped() || form.group % Tiles::kDepth == 0);
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

/// Both bf16 of a pair of a row in every lane; 0 for a second one that is not
/// the row's.
Value ScaledProduct::rowPair(Value row, Value k, bool half) {
  Type type = half ? e.b.getI16Type() : e.b.getI32Type();
  Value word = LLVM::LoadOp::create(e.b, type, e.at(row, e.b.getI16Type(), k),
                                    /*alignment=*/2);
  if (half)
    word = arith::ExtUIOp::create(e.b, e.b.getI32Type(), word);
  auto pairs = VectorType::get({2 * e.lanes()}, e.b.getBF16Type());
  return vector::BitCastOp::create(e.b, pairs, e.broadcast(word));
}

Value ScaledProduct::rowValue(Value row, Value k) {
  return e.broadcast(
      e.loadScalar(e.at(row, form.rowElement, k), form.rowElement));
}

/// The products of `count` k of a word. A word's other codes are 0.
void ScaledProduct::addWord(const Operands &operands, Value k, int64_t count,
                            MutableArrayRef<Value> sums, AddProduct add) {
  int64_t steps = form.pairs ? llvm::divideCeil(count, 2) : count;
  std::vector<Vectors> x(operands.rows.size());
  for (auto [row, address] : llvm::zip_equal(x, operands.rows))
    for (int64_t step = 0; step < steps; ++step)
      row.push_back(form.pairs ? rowPair(address, e.add(k, 2 * step),
                                         count == 2 * step + 1)
                               : rowValue(address, e.add(k, step)));
  int64_t column = 0, columns = operands.panels.size() * registers();
  for (Value panel : operands.panels)
    for (int64_t r = 0; r < registers(); ++r, ++column) {
      Value offset = e.add(e.mul(k, form.width), r * e.lanes() * kCodesOfWord);
      Value address = e.at(panel, e.b.getI8Type(), offset);
      e.prefetchStream(address, e.lanes() * kCodesOfWord);
      Value words = e.load(address, e.b.getI32Type());
      SmallVector<Value, 4> codes;
      if (form.pairs)
        for (Value pair : decoder.pairs(words))
          codes.push_back(vector::BitCastOp::create(
              e.b, VectorType::get({2 * e.lanes()}, e.b.getBF16Type()), pair));
      else
        llvm::append_range(codes, decoder.values(words));
      for (auto [row, values] : llvm::enumerate(x)) {
        size_t index = row * size_t(columns) + size_t(column);
        for (int64_t step = 0; step < steps; ++step)
          sums[index] = add(index, sums[index], values[step], codes[step]);
      }
    }
}

/// The sums of `count` k from `first` on, from zero.
ScaledProduct::Vectors ScaledProduct::groupSums(const Operands &operands,
                                                Value first, int64_t count) {
  if (form.hopper)
    return hopperSums(operands, first, count);
  auto add = [&](size_t, Value sum, Value x, Value code) -> Value {
    if (form.pairs)
      return e.intrinsic("avx512bf16.dpbf16ps.512", sum.getType(),
                         {sum, x, code});
    return math::FmaOp::create(e.b, x, code, sum);
  };
  Vectors sums(operands.rows.size() * operands.panels.size() * registers(),
               e.splat(0));
  int64_t words = count / kCodesOfWord, done = 0;
  int64_t rows = int64_t(operands.rows.size());
  int64_t most = std::max<int64_t>(kProducts / (kCodesOfWord * rows), 1);
  for (int64_t unroll : {most, int64_t(1)}) {
    int64_t last = words / unroll * unroll;
    if (last == done)
      continue;
    sums = e.loop(e.index(done), e.index(last), unroll, sums,
                  [&](Value word, ValueRange carried) {
                    Vectors next = llvm::to_vector(carried);
                    for (int64_t u = 0; u < unroll; ++u)
                      addWord(operands,
                              e.add(first, e.mul(e.add(word, u), kCodesOfWord)),
                              kCodesOfWord, next, add);
                    return next;
                  });
    done = last;
  }
  if (int64_t rest = count % kCodesOfWord)
    addWord(operands, e.add(first, words * kCodesOfWord), rest, sums, add);
  return sums;
}

/// Products of an instruction of Hopper's, and the bits that its sums keep
/// behind the largest term's first.
static constexpr int64_t kHopperProducts = 32;
static constexpr int32_t kHopperBits = 13;

ScaledProduct::Vectors ScaledProduct::hopperSums(const Operands &operands,
                                                 Value first, int64_t count) {
  Vectors sums(operands.rows.size() * operands.panels.size() * registers(),
               e.splat(0));
  int64_t whole = count / kHopperProducts * kHopperProducts;
  sums = e.loop(e.index(0), e.index(whole), kHopperProducts, sums,
                [&](Value k, ValueRange carried) {
                  return hopperStep(operands, e.add(first, k), kHopperProducts,
                                    llvm::to_vector(carried));
                });
  if (whole < count)
    sums = hopperStep(operands, e.add(first, whole), count - whole, sums);
  return sums;
}

/// Terms are products of codes, exact and normal in f32, and the sum. In units
/// of 2^-13 of the largest's power of two, 2^(E - 127), they are integers once
/// they are cut off. Where one is not finite, so is the plain sum.
ScaledProduct::Vectors ScaledProduct::hopperStep(const Operands &operands,
                                                 Value first, int64_t count,
                                                 ArrayRef<Value> sums) {
  Type i32 = e.vectorOf(e.b.getI32Type()), f32 = e.vectorOf(e.b.getF32Type());
  auto bits = [&](Value x) -> Value {
    return arith::BitcastOp::create(e.b, i32, x);
  };
  auto power = [&](Value biased) -> Value { // already at its place
    return arith::BitcastOp::create(e.b, f32, biased);
  };
  auto product = [&](Value x, Value code) -> Value {
    return arith::MulFOp::create(e.b, x, code);
  };
  auto each = [&](Vectors carried, AddProduct add) {
    for (int64_t k = 0; k < count; k += kCodesOfWord)
      addWord(operands, e.add(first, k), std::min(count - k, kCodesOfWord),
              carried, add);
    return carried;
  };
  auto larger = [&](Value most, Value term) -> Value {
    return arith::MaxSIOp::create(
        e.b, most,
        arith::AndIOp::create(e.b, bits(term), e.splatInt(0x7f800000)));
  };
  // Of nothing but zeros any unit does.
  Vectors most = llvm::map_to_vector(sums, [&](Value sum) {
    return larger(e.splatInt(kHopperBits << 23), sum);
  });
  most = each(most, [&](size_t, Value most, Value x, Value code) {
    return larger(most, product(x, code));
  });
  Vectors up, whole;
  for (auto [sum, exponent] : llvm::zip_equal(sums, most)) {
    up.push_back(power(arith::SubIOp::create(
        e.b, e.splatInt((254 + kHopperBits) << 23), exponent)));
    whole.push_back(arith::FPToSIOp::create(e.b, i32, product(sum, up.back())));
  }
  whole = each(whole, [&](size_t i, Value whole, Value x, Value code) -> Value {
    Value units = product(product(x, code), up[i]);
    return arith::AddIOp::create(e.b, whole,
                                 arith::FPToSIOp::create(e.b, i32, units));
  });
  Vectors plain =
      each(Vectors(sums), [&](size_t, Value sum, Value x, Value code) -> Value {
        return arith::AddFOp::create(e.b, sum, product(x, code));
      });
  Vectors next;
  for (auto [units, exponent, exact] : llvm::zip_equal(whole, most, plain)) {
    Value down = power(
        arith::SubIOp::create(e.b, exponent, e.splatInt(kHopperBits << 23)));
    Value finite = arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt,
                                         exponent, e.splatInt(0x7f800000));
    Value sum = product(arith::SIToFPOp::create(e.b, f32, units), down);
    next.push_back(e.select(finite, sum, exact));
  }
  return next;
}

ScaledProduct::Vectors ScaledProduct::sums(const Operands &operands) {
  Vectors totals(operands.rows.size() * operands.panels.size() * registers(),
                 e.splat(0));
  auto add = [&](Value first, int64_t count, ArrayRef<Value> totals) {
    return addGroup(operands, first, groupSums(operands, first, count), totals);
  };
  int64_t whole = form.k / form.group * form.group;
  totals = e.loop(e.index(0), e.index(whole), form.group, totals,
                  [&](Value first, ValueRange carried) {
                    return add(first, form.group, llvm::to_vector(carried));
                  });
  if (whole < form.k)
    totals = add(e.index(whole), form.k - whole, totals);
  return totals;
}

ScaledProduct::Vectors ScaledProduct::columnScales(const Operands &operands,
                                                   Value first) {
  Vectors scales;
  Value block = e.div(first, e.index(std::max<int64_t>(form.columns, 1)));
  for (Value panel : operands.scales) {
    Value address = e.at(panel, form.scales, e.mul(block, form.width));
    e.prefetchStream(address,
                     form.width * form.scales.getIntOrFloatBitWidth() / 8);
    for (int64_t r = 0; r < registers(); ++r)
      scales.push_back(loadScales(
          e, e.at(address, form.scales, e.index(r * e.lanes())), form.scales));
  }
  return scales;
}

Value ScaledProduct::rowScale(const Operands &operands, size_t row,
                              Value first) {
  if (!form.inputCodes)
    return {};
  Value block = e.div(first, e.index(std::max<int64_t>(form.inputColumns, 1)));
  Value scale =
      loadScale(e, e.at(operands.rowScales[row], form.inputScales, block),
                form.inputScales);
  return form.emulated ? e.pinned(scale) : scale;
}

ScaledProduct::Vectors ScaledProduct::addGroup(const Operands &operands,
                                               Value first,
                                               ArrayRef<Value> parts,
                                               ArrayRef<Value> totals) {
  Vectors scales = columnScales(operands, first), next;
  const Value *part = parts.begin(), *total = totals.begin();
  for (size_t row = 0; row < operands.rows.size(); ++row) {
    Value ofRow = rowScale(operands, row, first);
    for (Value scale : scales) {
      if (ofRow)
        scale = arith::MulFOp::create(e.b, ofRow, scale);
      next.push_back(math::FmaOp::create(e.b, scale, *part++, *total++));
    }
  }
  return next;
}

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

void ScaledProduct::decodeRow(Value codes, Value out) {
  CodeDecoder input(e, form.inputCodes);
  Type i8 = e.b.getI8Type();
  e.columnLoop(e.index(form.k), [&](Value column, Value mask) {
    e.store(input.load(e.at(codes, i8, column)),
            e.at(out, form.rowElement, column), form.rowElement, mask);
  });
}

void ScaledProduct::decodePanel(Value panel, Value first, Value count,
                                Value out) {
  Type i8 = e.b.getI8Type(), i32 = e.b.getI32Type(), f32 = e.b.getF32Type();
  int64_t bytes = form.width * kCodesOfWord; // of a word of all columns
  Value from = e.at(panel, i8, e.mul(first, form.width));
  e.loop(e.index(0), e.ceilDiv(count, kCodesOfWord), 1, [&](Value word) {
    for (int64_t r = 0; r < registers(); ++r) {
      int64_t column = r * e.lanes();
      Value address =
          e.at(from, i8, e.add(e.mul(word, bytes), column * kCodesOfWord));
      e.prefetchStream(address, e.lanes() * kCodesOfWord);
      Value words = e.load(address, i32);
      auto put = [&](auto decoded, Type type) {
        int64_t steps = int64_t(decoded.size());
        for (auto [step, value] : llvm::enumerate(decoded)) {
          Value row = e.add(e.mul(word, steps), int64_t(step));
          e.store(value, e.at(out, type, e.add(e.mul(row, form.width), column)),
                  type);
        }
      };
      form.pairs ? put(decoder.pairs(words), i32)
                 : put(decoder.values(words), f32);
    }
  });
}
