//===- Assemble.cpp - launch.code -> the section code.cuda ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Assemble.h"
#include "KernelEmitter.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Support/ThreadPool.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

namespace {
/// A kernel on its way through LLVM.
struct Unit {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  unsigned version;
  CudaKernel kernel;
  std::string error;
};
} // namespace

static CudaExtent readExtent(Attribute attr) {
  ArrayRef<int64_t> numbers = cast<DenseI64ArrayAttr>(attr).asArrayRef();
  CudaExtent extent{.times = numbers[0], .per = numbers[1]};
  extent.dims.assign(numbers.begin() + 2, numbers.end());
  return extent;
}

static CudaLaunch readLaunch(LLVM::LLVMFuncOp function) {
  CudaLaunch launch;
  launch.entry = function.getSymName();
  auto grid = function->getAttrOfType<ArrayAttr>(kGrid);
  for (size_t i = 0; i < launch.grid.size(); ++i)
    launch.grid[i] = readExtent(grid[i]);
  launch.threads = uint32_t(function
                                ->getAttrOfType<DenseI32ArrayAttr>(
                                    NVVM::NVVMDialect::getMaxntidAttrName())
                                .asArrayRef()[0]);
  launch.shared =
      uint32_t(function->getAttrOfType<IntegerAttr>(kShared).getInt());
  if (auto guard = function->getAttrOfType<ArrayAttr>(kGuard)) {
    launch.guard = readExtent(guard[0]);
    launch.least = cast<IntegerAttr>(guard[1]).getInt();
    launch.most = cast<IntegerAttr>(guard[2]).getInt();
  }
  return launch;
}

/// The functions and tables of `code` in a module of their own.
static LogicalResult translate(launch::CodeOp code, Unit &unit) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(code.getLoc());
  OpBuilder builder(module->getBodyRegion());
  for (Operation &op : code.getBody().front())
    builder.clone(op);
  unit.kernel.name = code.getKernel().str();
  unit.version = unsigned(code->getAttrOfType<IntegerAttr>(kPtx).getInt());
  auto sizes = code->getAttrOfType<DenseI64ArrayAttr>(kSizes).asArrayRef();
  unit.kernel.sizes.assign(sizes.begin(), sizes.end());
  if (Attribute scratch = code->getAttr(kScratch))
    unit.kernel.scratch = readExtent(scratch);
  for (auto function : module->getOps<LLVM::LLVMFuncOp>())
    unit.kernel.launches.push_back(readLaunch(function));
  unit.context = std::make_unique<llvm::LLVMContext>();
  unit.module =
      translateModuleToLLVMIR(*module, *unit.context, unit.kernel.name);
  if (!unit.module)
    return code.emitError("expected the llvm and nvvm dialects only");
  return success();
}

static void compile(Unit &unit, ArrayRef<const ChipSpec *> chips,
                    const std::string &ptxas) {
  std::string failure;
  const ChipSpec &least = *chips[0];
  unit.kernel.ptx = inChild(
      [&] { return toPtx(*unit.module, least, unit.version); }, failure);
  if (!failure.empty())
    failure = (least.name + ": " + failure).str();
  for (const ChipSpec *chip : chips) {
    if (ptxas.empty() || !failure.empty())
      break;
    std::string log;
    unit.kernel.cubins[chip->name.str()] =
        runPtxas(ptxas, unit.kernel.ptx, *chip, log, failure);
    if (!failure.empty())
      failure = (chip->name + ": " + failure).str();
  }
  if (!failure.empty())
    unit.error =
        "cannot compile kernel '" + unit.kernel.name + "' for " + failure;
}

FailureOr<DeviceImage> cuda::assemble(ModuleOp module,
                                      ArrayRef<const ChipSpec *> chips,
                                      const AssembleOptions &options) {
  std::vector<Unit> units;
  SymbolTable symbols(module);
  for (auto code : module.getOps<launch::CodeOp>()) {
    auto kernel = symbols.lookup<launch::KernelOp>(code.getKernel());
    if (kernel.getDevice() == "cuda" &&
        failed(translate(code, units.emplace_back())))
      return failure();
  }
  std::string ptxas = findPtxas();
  {
    llvm::DefaultThreadPool pool(
        llvm::hardware_concurrency(std::max(1u, options.jobs)));
    for (Unit &unit : units)
      pool.async([&] { compile(unit, chips, ptxas); });
  }
  CudaCode code;
  DeviceImage image;
  code.arch = chips[0]->name;
  for (Unit &unit : units) {
    if (!unit.error.empty())
      return module.emitError() << unit.error;
    DeviceImage::KernelFile file{unit.kernel.name, unit.kernel.ptx,
                                 unit.kernel.ptx};
    for (auto &[arch, cubin] : unit.kernel.cubins)
      file.binaries[arch + ".cubin"] = cubin;
    image.kernels.push_back(std::move(file));
    code.kernels.push_back(std::move(unit.kernel));
  }
  image.code = code.serialize();
  image.features = {code.arch};
  return image;
}
