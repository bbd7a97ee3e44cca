//===- KernelEmitter.cpp - builds the code of one CPU kernel --------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "trine/Runtime/KernelABI.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

KernelEmitter::KernelEmitter(launch::KernelOp kernel,
                             const MachineModel &machine)
    : kernel(kernel), machine(machine),
      b(kernel.getLoc(), kernel.getContext()) {
  b.setInsertionPointAfter(kernel);
  code = launch::CodeOp::create(
      b, FlatSymbolRefAttr::get(b.getContext(), kernel.getSymName()));
  b.createBlock(&code.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto function = func::FuncOp::create(
      b, kernel.getSymName(), b.getFunctionType({pointer, pointer}, {}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  func::ReturnOp::create(b);
  b.setInsertionPointToStart(entry);
  team = entry->getArgument(1);
  thread = loadTeam(offsetof(KernelTeam, thread), b.getI64Type());
  threads = loadTeam(offsetof(KernelTeam, threads), b.getI64Type());
  scratch = loadTeam(offsetof(KernelTeam, scratch), pointer);
  shared = loadTeam(offsetof(KernelTeam, shared), pointer);

  int64_t word = 0;
  for (BlockArgument argument : kernel.getBlock().getArguments())
    operands[argument] =
        loadTensor(entry->getArgument(0), word, argument.getType());
  for (Type type : kernel.getResultTypes())
    results.push_back(loadTensor(entry->getArgument(0), word, type));
}

Value KernelEmitter::loadTeam(size_t offset, Type type) {
  return LLVM::LoadOp::create(b, type,
                              at(team, b.getI8Type(), index(int64_t(offset))));
}

Tensor KernelEmitter::loadTensor(Value argv, int64_t &word, Type type) {
  Tensor tensor;
  tensor.type = cast<RankedTensorType>(type);
  tensor.pointer = LLVM::LoadOp::create(
      b, argv.getType(), at(argv, b.getI64Type(), index(word++)));
  for (int64_t size : tensor.type.getShape()) {
    tensor.dims.push_back(
        ShapedType::isDynamic(size)
            ? loadScalar(at(argv, b.getI64Type(), index(word)), b.getI64Type())
            : index(size));
    ++word;
  }
  return tensor;
}

const Tensor &KernelEmitter::operand(Value argument) const {
  static const Tensor none;
  auto found = operands.find(argument);
  return found == operands.end() ? none : found->second;
}

SmallVector<const Tensor *> KernelEmitter::resultsOf(Value value) const {
  SmallVector<const Tensor *> found;
  launch::KernelOp op = kernel;
  for (OpOperand &returned : op.getBlock().getTerminator()->getOpOperands())
    if (returned.get() == value)
      found.push_back(&results[returned.getOperandNumber()]);
  return found;
}

Value KernelEmitter::product(const Tensor &tensor, unsigned from, unsigned to) {
  Value total = index(1);
  for (unsigned i = from; i < to; ++i)
    total = mul(total, tensor.dims[i]);
  return total;
}

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value KernelEmitter::index(int64_t value) {
  return arith::ConstantIntOp::create(b, value, 64);
}
Value KernelEmitter::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(x, y);
}
Value KernelEmitter::sub(Value x, Value y) {
  return b.createOrFold<arith::SubIOp>(x, y);
}
Value KernelEmitter::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(x, y);
}
Value KernelEmitter::div(Value x, Value y) {
  return b.createOrFold<arith::DivUIOp>(x, y);
}
Value KernelEmitter::rem(Value x, Value y) {
  return b.createOrFold<arith::RemUIOp>(x, y);
}
Value KernelEmitter::ceilDiv(Value x, Value y) {
  return div(add(x, sub(y, index(1))), y);
}
Value KernelEmitter::min(Value x, Value y) {
  return b.createOrFold<arith::MinSIOp>(x, y);
}
Value KernelEmitter::max(Value x, Value y) {
  return b.createOrFold<arith::MaxSIOp>(x, y);
}
Value KernelEmitter::less(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, x, y);
}
Value KernelEmitter::equal(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y);
}
Value KernelEmitter::select(Value condition, Value x, Value y) {
  return b.createOrFold<arith::SelectOp>(condition, x, y);
}

//===----------------------------------------------------------------------===//
// Vectors and memory
//===----------------------------------------------------------------------===//

VectorType KernelEmitter::vectorOf(Type element) const {
  return VectorType::get(lanes(), element);
}

Value KernelEmitter::splat(double value) {
  Type f32 = Float32Type::get(b.getContext());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(vectorOf(f32),
                                FloatAttr::get(f32, value).getValue()));
}

Value KernelEmitter::splatInt(int32_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(vectorOf(b.getI32Type()), value));
}

Value KernelEmitter::broadcast(Value scalar) {
  return vector::BroadcastOp::create(b, vectorOf(scalar.getType()), scalar);
}

Value KernelEmitter::table(ArrayRef<float> values) {
  Type f32 = b.getF32Type();
  auto tensor = RankedTensorType::get({int64_t(values.size())}, f32);
  OpBuilder outside = OpBuilder::atBlockBegin(&code.getBody().front());
  auto global = LLVM::GlobalOp::create(
      outside, b.getLoc(), LLVM::LLVMArrayType::get(f32, values.size()),
      /*isConstant=*/true, LLVM::Linkage::Internal,
      (kernel.getSymName() + "_table_" + Twine(tables++)).str(),
      DenseElementsAttr::get(tensor, values), /*alignment=*/64);
  return LLVM::AddressOfOp::create(b, global);
}

constexpr int64_t kLine = 64; ///< bytes of a cache's line
/// A stream from memory is asked for one page ahead, into the L2, and again
/// shortly before its use: the hardware's own prefetcher stops at each page.
constexpr int64_t kFar = 4096, kNear = 1024;

/// Elements are read and written as they lie; only i64 is a word of the ABI.
static unsigned bytesOf(Type element) {
  return element.getIntOrFloatBitWidth() / 8;
}

Value KernelEmitter::at(Value pointer, Type element, Value offset) {
  if (isFloat8(element))
    element = b.getI8Type(); // LLVM has no such types
  return LLVM::GEPOp::create(b, pointer.getType(), element, pointer,
                             ValueRange{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

/// Floats narrower than f32 compute in f32.
static bool isNarrow(Type element) {
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
}

static Type likeShape(Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? Type(vector.clone(element)) : element;
}

/// What a narrower float is loaded and stored as.
static Type bitsOf(OpBuilder &b, Type element) {
  return b.getIntegerType(element.getIntOrFloatBitWidth());
}

/// The lowest `bits` of each i32, or the highest. No truncation: LLVM 22 stores
/// the wide element when the mask of a masked store of a truncated vector is a
/// constant of one lane.
static Value partOf(ImplicitLocOpBuilder &b, Value words, unsigned bits,
                    bool highest) {
  Type part = b.getIntegerType(bits);
  auto type = dyn_cast<VectorType>(words.getType());
  if (!type) {
    if (highest)
      words = arith::ShRUIOp::create(
          b, words, constantLike(b, words, int32_t(32 - bits)));
    return arith::TruncIOp::create(b, part, words);
  }
  int64_t lanes = type.getNumElements(), each = 32 / bits;
  Value parts = vector::BitCastOp::create(
      b, VectorType::get({each * lanes}, part), words);
  auto chosen = llvm::map_to_vector(llvm::seq(lanes), [&](int64_t i) {
    return each * i + (highest ? each - 1 : 0);
  });
  return vector::ShuffleOp::create(b, parts, parts, chosen);
}

/// The bits of an f32 value or vector rounded to a narrower float, f8
/// saturating. bf16 is made in integers: few machines have an instruction, and
/// it loses subnormals.
static Value narrowBits(ImplicitLocOpBuilder &b, Value value, Type element) {
  if (isFloat8(element))
    return partOf(b, encodeFloat8(b, value, float8Of(element), true), 8, false);
  if (!element.isBF16()) {
    Value narrow = arith::TruncFOp::create(b, likeShape(value, element), value);
    return arith::BitcastOp::create(b, likeShape(value, b.getI16Type()),
                                    narrow);
  }
  Value bits =
      arith::BitcastOp::create(b, likeShape(value, b.getI32Type()), value);
  auto constant = [&](int32_t number) { return constantLike(b, bits, number); };
  Value odd = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, bits, constant(16)), constant(1));
  Value rounded = arith::AddIOp::create(
      b, bits, arith::AddIOp::create(b, odd, constant(0x7fff)));
  Value nan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value quiet = arith::OrIOp::create(b, bits, constant(0x400000));
  rounded = arith::SelectOp::create(b, nan, quiet, rounded);
  return partOf(b, rounded, 16, true);
}

Value KernelEmitter::narrowed(Value value, Type element) {
  if (!flushes || !element.isBF16() || !isa<VectorType>(value.getType()))
    return narrowBits(b, value, element);
  return vector::BitCastOp::create(b, vectorOf(b.getI16Type()), toBf16(value));
}

/// The f32 value or vector of a narrower float's bits.
static Value widen(ImplicitLocOpBuilder &b, Value bits, Type element) {
  Type f32 = likeShape(bits, b.getF32Type());
  if (isFloat8(element)) {
    Value codes =
        arith::ExtUIOp::create(b, likeShape(bits, b.getI32Type()), bits);
    return decodeFloat8(b, codes, float8Of(element));
  }
  if (!element.isBF16()) {
    Value narrow = arith::BitcastOp::create(b, likeShape(bits, element), bits);
    return arith::ExtFOp::create(b, f32, narrow);
  }
  Value wide = arith::ExtUIOp::create(b, likeShape(bits, b.getI32Type()), bits);
  return arith::BitcastOp::create(
      b, f32, arith::ShLIOp::create(b, wide, constantLike(b, wide, 16)));
}

Value KernelEmitter::load(Value pointer, Type element, Value mask) {
  VectorType type = vectorOf(isNarrow(element) ? bitsOf(b, element) : element);
  Value vector;
  if (mask)
    vector = LLVM::MaskedLoadOp::create(
        b, type, pointer, mask,
        Value(arith::ConstantOp::create(b, b.getZeroAttr(type))),
        bytesOf(element));
  else
    vector = LLVM::LoadOp::create(b, type, pointer, bytesOf(element));
  return isNarrow(element) ? widen(b, vector, element) : vector;
}

Value KernelEmitter::loadScalar(Value pointer, Type element) {
  Type type = isNarrow(element) ? bitsOf(b, element) : element;
  Value scalar = LLVM::LoadOp::create(b, type, pointer, bytesOf(element));
  return isNarrow(element) ? widen(b, scalar, element) : scalar;
}

void KernelEmitter::store(Value vector, Value pointer, Type element,
                          Value mask) {
  if (isNarrow(element))
    vector = narrowed(vector, element);
  if (mask)
    LLVM::MaskedStoreOp::create(b, vector, pointer, mask, bytesOf(element));
  else
    LLVM::StoreOp::create(b, vector, pointer, bytesOf(element));
}

void KernelEmitter::storeScalar(Value scalar, Value pointer, Type element) {
  if (isNarrow(element))
    scalar = narrowed(scalar, element);
  LLVM::StoreOp::create(b, scalar, pointer, bytesOf(element));
}

void KernelEmitter::prefetch(Value address, int64_t locality) {
  LLVM::Prefetch::create(b, address, /*rw=*/0, locality, /*cache=*/1);
}

void KernelEmitter::prefetchStream(Value address, int64_t bytes) {
  for (int64_t line = 0; line < bytes; line += kLine) {
    prefetch(at(address, b.getI8Type(), index(kFar + line)), 2);
    prefetch(at(address, b.getI8Type(), index(kNear + line)), 3);
  }
}

Value KernelEmitter::mask(Value count) {
  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(lanes()));
  Value lane = arith::ConstantOp::create(
      b, DenseElementsAttr::get(vectorOf(b.getI32Type()),
                                ArrayRef<int32_t>(numbers)));
  Value clamped = max(min(count, index(lanes())), index(0));
  Value narrow = arith::TruncIOp::create(b, b.getI32Type(), clamped);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lane,
                               broadcast(narrow));
}

void KernelEmitter::transpose(MutableArrayRef<Value> rows) {
  int64_t size = lanes();
  for (int64_t step = size / 2; step; step /= 2)
    for (int64_t i = 0; i < size; ++i) {
      if (i & step)
        continue;
      // Lanes whose number has the bit of `step` change places with those of
      // the other row that have not.
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < size; ++lane) {
        low.push_back(lane & step ? size + lane - step : lane);
        high.push_back(lane & step ? size + lane : lane + step);
      }
      Value a = rows[i], c = rows[i + step];
      rows[i] = vector::ShuffleOp::create(b, a, c, low);
      rows[i + step] = vector::ShuffleOp::create(b, a, c, high);
    }
}

Value KernelEmitter::reduce(Value vector,
                            function_ref<Value(Value, Value)> join) {
  for (int64_t half = lanes() / 2; half; half /= 2) {
    auto low = llvm::to_vector(llvm::seq<int64_t>(half));
    auto high = llvm::to_vector(llvm::seq<int64_t>(half, 2 * half));
    vector = join(vector::ShuffleOp::create(b, vector, vector, low),
                  vector::ShuffleOp::create(b, vector, vector, high));
  }
  return vector::ExtractOp::create(b, vector, 0);
}

Value KernelEmitter::intrinsic(StringRef name, Type result,
                               ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(
             b, result, b.getStringAttr("llvm.x86." + name), operands)
      .getResult(0);
}

Value KernelEmitter::toBf16(Value vector) {
  return intrinsic("avx512bf16.cvtneps2bf16.512", vectorOf(b.getBF16Type()),
                   vector);
}

Value KernelEmitter::round(Value value, Type element) {
  return isNarrow(element) ? widen(b, narrowed(value, element), element)
                           : value;
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelEmitter::loop(Value from, Value to, int64_t step,
                         function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, from, to, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

SmallVector<Value>
KernelEmitter::loop(Value from, Value to, int64_t step, ValueRange carried,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, from, to, index(step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return llvm::to_vector_of<Value>(loop.getResults());
}

void KernelEmitter::when(Value condition, function_ref<void()> then,
                         function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

SmallVector<Value>
KernelEmitter::choose(Value condition, function_ref<SmallVector<Value>()> then,
                      function_ref<SmallVector<Value>()> otherwise) {
  auto fill = [&](function_ref<SmallVector<Value>()> body) {
    return [this, body](OpBuilder &, Location) {
      scf::YieldOp::create(b, body());
    };
  };
  auto branch = scf::IfOp::create(b, condition, fill(then), fill(otherwise));
  return llvm::to_vector_of<Value>(branch.getResults());
}

void KernelEmitter::switchOver(Value selector, int64_t count,
                               function_ref<void(int64_t)> body) {
  if (auto known = getConstantIntValue(selector))
    return body(*known);
  SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(1, count));
  auto chosen = scf::IndexSwitchOp::create(
      b, TypeRange(),
      Value(arith::IndexCastOp::create(b, b.getIndexType(), selector)), cases,
      cases.size());
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Region &region, int64_t value) {
    b.createBlock(&region);
    body(value);
    scf::YieldOp::create(b);
  };
  for (auto [region, value] : llvm::zip_equal(chosen.getCaseRegions(), cases))
    fill(region, value);
  fill(chosen.getDefaultRegion(), count);
}

void KernelEmitter::barrier() {
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), {team.getType()});
  Value function = loadTeam(offsetof(KernelTeam, barrier), team.getType());
  LLVM::CallOp::create(b, type, ValueRange{function, team});
}

std::pair<Value, Value> KernelEmitter::share(Value count) {
  return {div(mul(count, thread), threads),
          div(mul(count, add(thread, 1)), threads)};
}

void KernelEmitter::panelLoop(Value from, Value to, Value columns,
                              int64_t width,
                              function_ref<void(Value, ArrayRef<Value>)> body) {
  Value whole = div(columns, index(width));
  SmallVector<Value> masks(width / lanes());
  loop(from, min(to, whole), 1, [&](Value panel) { body(panel, masks); });
  if (matchPattern(rem(columns, index(width)), m_Zero()))
    return;
  loop(max(from, whole), to, 1, [&](Value panel) {
    Value left = sub(columns, mul(panel, width));
    for (auto [i, part] : llvm::enumerate(masks))
      part = mask(sub(left, index(i * lanes())));
    body(panel, masks);
  });
}

void KernelEmitter::columnLoop(Value count,
                               function_ref<void(Value, Value)> body) {
  Value whole = mul(div(count, index(lanes())), lanes());
  loop(index(0), whole, lanes(), [&](Value column) { body(column, {}); });
  if (matchPattern(sub(count, whole), m_Zero()))
    return;
  when(less(whole, count), [&] { body(whole, mask(sub(count, whole))); });
}
