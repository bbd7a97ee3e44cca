//===- KernelEmitter.cpp - builds the code of one CUDA kernel -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <fmt/format.h>

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

enum AddressSpace : unsigned { kGlobal = 1, kSharedSpace = 3 };

static LLVM::LLVMPointerType pointerTo(MLIRContext *context, unsigned space) {
  return LLVM::LLVMPointerType::get(context, space);
}

KernelEmitter::KernelEmitter(launch::KernelOp kernel, const ChipSpec &chip)
    : kernel(kernel), chip(chip), b(kernel.getLoc(), kernel.getContext()),
      ptx(chip.ptx) {
  b.setInsertionPointAfter(kernel);
  code = launch::CodeOp::create(
      b, FlatSymbolRefAttr::get(b.getContext(), kernel.getSymName()));
  b.createBlock(&code.getBody());
  uint32_t dim = 0;
  auto describe = [&](Type type) {
    Tensor tensor;
    tensor.type = cast<RankedTensorType>(type);
    tensor.firstDim = dim;
    dim += tensor.rank();
    return tensor;
  };
  for (BlockArgument argument : kernel.getBlock().getArguments())
    operands[argument] = describe(argument.getType());
  for (Type type : kernel.getResultTypes())
    results.push_back(describe(type));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static Attribute toAttribute(OpBuilder &b, const CudaExtent &extent) {
  SmallVector<int64_t> numbers = {extent.times, extent.per};
  numbers.append(extent.dims.begin(), extent.dims.end());
  return b.getDenseI64ArrayAttr(numbers);
}

void KernelEmitter::begin(const LaunchShape &shape) {
  endFunction();
  auto pointer = pointerTo(b.getContext(), kGlobal);
  ArrayRef<int64_t> ties = kernel.getTies();
  size_t count = kernel.getBlock().getNumArguments();
  SmallVector<Type> types(count + results.size(), pointer);
  SmallVector<bool> unique(count, true);
  for (int64_t tie : ties) {
    unique.push_back(tie < 0);
    if (tie >= 0)
      unique[size_t(tie)] = false;
  }
  bool hasScratch = scratchBytes.times != 0;
  if (hasScratch) {
    types.push_back(pointer);
    unique.push_back(true);
  }
  auto sizes = [&](RankedTensorType type) {
    types.append(size_t(type.getNumDynamicDims()), b.getI32Type());
  };
  for (BlockArgument argument : kernel.getBlock().getArguments())
    sizes(operands[argument].type);
  for (Tensor &tensor : results)
    sizes(tensor.type);

  b.setInsertionPointToEnd(&code.getBody().front());
  std::string name = kernel.getSymName().str();
  if (launches)
    name += "_" + std::to_string(launches);
  ++launches;
  function = LLVM::LLVMFuncOp::create(
      b, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  types));
  for (auto [index, alone] : llvm::enumerate(unique))
    if (alone)
      function.setArgAttr(unsigned(index), "llvm.noalias", b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(shape.threads)}));
  // Without it ptxas may spill a few registers to have more blocks.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(1));
  function->setAttr(kGrid, b.getArrayAttr({toAttribute(b, shape.grid[0]),
                                           toAttribute(b, shape.grid[1]),
                                           toAttribute(b, shape.grid[2])}));
  if (shape.least > 0 || shape.most < INT64_MAX)
    function->setAttr(kGuard,
                      b.getArrayAttr({toAttribute(b, shape.guard),
                                      b.getI64IntegerAttr(shape.least),
                                      b.getI64IntegerAttr(shape.most)}));

  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  thread = NVVM::ThreadIdXOp::create(b, b.getI32Type());
  lane = bitAnd(thread, kWarp - 1);
  warp = div(thread, kWarp);
  scratch =
      hasScratch ? Value(entry->getArgument(count + results.size())) : Value();
  unsigned next = unsigned(count + results.size() + hasScratch);
  for (BlockArgument argument : kernel.getBlock().getArguments())
    enterTensor(operands[argument], entry->getArgument(argument.getArgNumber()),
                *entry, next);
  for (auto [index, tensor] : llvm::enumerate(results))
    enterTensor(tensor, entry->getArgument(unsigned(count + index)), *entry,
                next);
}

void KernelEmitter::enterTensor(Tensor &tensor, Value pointer, Block &entry,
                                unsigned &next) {
  tensor.pointer = pointer;
  tensor.dims.clear();
  for (int64_t size : tensor.type.getShape())
    tensor.dims.push_back(ShapedType::isDynamic(size)
                              ? wide(entry.getArgument(next++))
                              : index(size));
}

void KernelEmitter::endFunction() {
  if (!function)
    return;
  b.setInsertionPointToEnd(&function.getBody().back());
  LLVM::ReturnOp::create(b, ValueRange());
  function->setAttr(kShared, b.getI64IntegerAttr(shared));
  if (shared > chip.sharedSize && error.empty())
    error = fmt::format("needs {} bytes of shared memory, {} has {}", shared,
                        chip.name.str(), chip.sharedSize);
  shared = 0;
  function = nullptr;
}

LogicalResult KernelEmitter::finish() {
  endFunction();
  code->setAttr(kPtx, b.getI64IntegerAttr(ptx));
  SmallVector<int64_t> sizes;
  auto add = [&](const Tensor &tensor) {
    for (unsigned i = 0; i < tensor.rank(); ++i)
      if (tensor.type.isDynamicDim(i))
        sizes.push_back(tensor.firstDim + i);
  };
  for (BlockArgument argument : kernel.getBlock().getArguments())
    add(operands[argument]);
  llvm::for_each(results, add);
  code->setAttr(kSizes, b.getDenseI64ArrayAttr(sizes));
  if (scratchBytes.times)
    code->setAttr(kScratch, toAttribute(b, scratchBytes));
  return error.empty() ? success() : LogicalResult(kernel.emitError() << error);
}

void KernelEmitter::use(Instruction instruction) {
  if (error.empty())
    error = chip.whyIllegal(instruction);
  ptx = std::max(ptx, ptxVersionOf(instruction));
}

void KernelEmitter::setScratch(CudaExtent bytes) {
  assert(!launches && "the scratch is a parameter of every launch");
  scratchBytes = std::move(bytes);
}

Value KernelEmitter::allocateShared(int64_t bytes) {
  auto type = pointerTo(b.getContext(), kSharedSpace);
  if (!sharedSymbol) {
    // External: the launch says how much there is. An internal symbol of no
    // size would lie over whatever follows it.
    OpBuilder outside = OpBuilder::atBlockBegin(&code.getBody().front());
    sharedSymbol = LLVM::GlobalOp::create(
        outside, b.getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), 0),
        /*isConstant=*/false, LLVM::Linkage::External, "shared_memory",
        Attribute(), /*alignment=*/1024, kSharedSpace);
  }
  Value base = LLVM::AddressOfOp::create(b, type, sharedSymbol.getSymName());
  Value pointer = LLVM::GEPOp::create(b, type, b.getI8Type(), base,
                                      ArrayRef<LLVM::GEPArg>{int32_t(shared)});
  shared += int64_t(llvm::alignTo(uint64_t(bytes), 128));
  return pointer;
}

const Tensor &KernelEmitter::operand(Value argument) const {
  static const Tensor none;
  auto found = operands.find(argument);
  return found == operands.end() ? none : found->second;
}

CudaExtent KernelEmitter::extent(const Tensor &tensor, unsigned from,
                                 unsigned to, int64_t per, int64_t times) {
  CudaExtent extent{.times = times, .per = per};
  for (unsigned i = from; i < to; ++i)
    extent.dims.push_back(tensor.firstDim + i);
  return extent;
}

Value KernelEmitter::product(const Tensor &tensor, unsigned from, unsigned to) {
  Value total = index(1);
  for (unsigned i = from; i < to; ++i)
    total = mul(total, tensor.dims[i]);
  return total;
}

Value KernelEmitter::block(unsigned axis) {
  Type i32 = b.getI32Type();
  if (axis == 0)
    return NVVM::BlockIdXOp::create(b, i32);
  return axis == 1 ? Value(NVVM::BlockIdYOp::create(b, i32))
                   : Value(NVVM::BlockIdZOp::create(b, i32));
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value KernelEmitter::constant(Type type, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}
Value KernelEmitter::index(int64_t value) {
  return constant(b.getI64Type(), value);
}
Value KernelEmitter::number(int64_t value) {
  return constant(b.getI32Type(), value);
}
Value KernelEmitter::wide(Value x) {
  return b.createOrFold<arith::ExtUIOp>(b.getI64Type(), x);
}
Value KernelEmitter::narrow(Value x) {
  return b.createOrFold<arith::TruncIOp>(b.getI32Type(), x);
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
Value KernelEmitter::bitAnd(Value x, int64_t y) {
  return b.createOrFold<arith::AndIOp>(x, constant(x.getType(), y));
}
Value KernelEmitter::bitXor(Value x, Value y) {
  return b.createOrFold<arith::XOrIOp>(x, y);
}
Value KernelEmitter::shiftLeft(Value x, int64_t y) {
  return b.createOrFold<arith::ShLIOp>(x, constant(x.getType(), y));
}
Value KernelEmitter::shiftRight(Value x, int64_t y) {
  return b.createOrFold<arith::ShRUIOp>(x, constant(x.getType(), y));
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
Value KernelEmitter::both(Value x, Value y) {
  return !x ? y : !y ? x : b.createOrFold<arith::AndIOp>(x, y);
}
Value KernelEmitter::select(Value condition, Value x, Value y) {
  return b.createOrFold<arith::SelectOp>(condition, x, y);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelEmitter::loop(Value from, Value to, Value step,
                         function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, from, to, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

SmallVector<Value>
KernelEmitter::loop(Value from, Value to, Value step, ValueRange carried,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, from, to, step, carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return llvm::to_vector_of<Value>(loop.getResults());
}

void KernelEmitter::when(Value condition, function_ref<void()> then) {
  if (!condition)
    return then();
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
}

SmallVector<Value>
KernelEmitter::choose(Value condition, function_ref<SmallVector<Value>()> then,
                      function_ref<SmallVector<Value>()> otherwise) {
  // The callbacks build with `b`: it goes along.
  OpBuilder::InsertionGuard guard(b);
  auto enter = [&](function_ref<SmallVector<Value>()> values) {
    return [this, values](OpBuilder &inner, Location loc) {
      b.restoreInsertionPoint(inner.saveInsertionPoint());
      SmallVector<Value> result = values();
      scf::YieldOp::create(b, result);
    };
  };
  auto branch = scf::IfOp::create(b, condition, enter(then), enter(otherwise));
  return llvm::to_vector_of<Value>(branch.getResults());
}
