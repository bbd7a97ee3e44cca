//===- KernelHarness.cpp --------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "mlir/Parser/Parser.h"
#include "trine/Pipeline/Registration.h"
#include "trine/Target/Target.h"
#include "gtest/gtest.h"
#include <barrier>
#include <bit>
#include <dlfcn.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace mlir;
using namespace trine;
using namespace trine::test;

static void check(bool condition, const std::string &what) {
  if (condition)
    return;
  fprintf(stderr, "kernel harness: %s\n", what.c_str());
  abort();
}

Buffer::Buffer(std::vector<int64_t> shape, int64_t stored, int64_t bytes)
    : dims(std::move(shape)), count(stored) {
  if (count < 0) {
    count = 1;
    for (int64_t dim : dims)
      count *= dim;
  }
  size_t used = (count * bytes + 64 + 63) / 64 * 64, page = 4096;
  size_t size = (used + page - 1) / page * page;
  void *base = mmap(nullptr, size + page, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(base != MAP_FAILED, "mmap failed");
  mprotect(static_cast<char *>(base) + size, page, PROT_NONE);
  pages = std::shared_ptr<void>(
      base, [size, page](void *p) { munmap(p, size + page); });
  address = static_cast<char *>(base) + size - used;
  // NaN: an element that should not be read or was not written shows.
  memset(base, 0xff, size);
}

Buffer &Buffer::fill(uint32_t seed) {
  uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
  for (float &x : elements()) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    x = float(int32_t(state >> 32)) * 0x1p-31f;
  }
  return *this;
}

namespace {
/// A shared object without a file. Its descriptor stays open: the loader knows
/// objects by name, and the next one would reuse the number.
struct Library {
  int descriptor = memfd_create("kernels", MFD_CLOEXEC);
  void *handle = nullptr;

  void load(const std::string &code) {
    check(write(descriptor, code.data(), code.size()) == ssize_t(code.size()),
          "cannot write the memfd");
    std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    check(handle, handle ? "" : dlerror());
  }
  ~Library() {
    if (handle)
      dlclose(handle);
    close(descriptor);
  }
};
} // namespace

struct Kernel::State {
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Target> target;
  launch::KernelOp kernel;
  Library library;
};

Kernel::Kernel(const std::string &text, const std::string &cpu)
    : state(std::make_shared<State>()) {
  DialectRegistry registry;
  registerDialects(registry);
  state->context.appendDialectRegistry(registry);
  state->context.disableMultithreading();
  std::string error;
  state->target = createCPUTarget(cpu, error);
  check(bool(state->target), error);
  state->module = parseSourceString<ModuleOp>(text, &state->context);
  check(bool(state->module), "cannot parse\n" + text);
  PassManager passes(&state->context);
  state->target->addPasses(passes);
  check(succeeded(passes.run(*state->module)), "cannot lower\n" + text);
  auto image = state->target->assemble(*state->module, {1, true});
  check(succeeded(image), "cannot assemble");
  assembly = image->kernels.front().assembly;
  state->kernel = *state->module->getOps<launch::KernelOp>().begin();
  std::string name = state->kernel.getSymName().str();
  state->library.load(image->code);
  function = reinterpret_cast<KernelFunction>(
      dlsym(state->library.handle, name.c_str()));
  check(function, "the kernel is not exported");
}

std::pair<int64_t, int64_t>
Kernel::scratchBytes(const std::vector<Buffer> &buffers) const {
  unsigned symbols = 0;
  SmallVector<graph::SymbolicShape> shapes;
  SmallVector<Attribute> values;
  Builder builder(&state->context);
  for (auto [index, argument] :
       llvm::enumerate(state->kernel.getBlock().getArguments())) {
    auto type = cast<RankedTensorType>(argument.getType());
    shapes.push_back(graph::symbolicShape(type, symbols));
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        values.push_back(builder.getIndexAttr(buffers[index].dims[dim]));
  }
  auto map =
      AffineMap::get(0, symbols,
                     {state->target->scratchBytes(state->kernel, shapes),
                      state->target->sharedScratchBytes(state->kernel, shapes)},
                     &state->context);
  SmallVector<Attribute> folded;
  check(succeeded(map.constantFold(values, folded)),
        "scratch is not a function of the operands");
  return {cast<IntegerAttr>(folded[0]).getInt(),
          cast<IntegerAttr>(folded[1]).getInt()};
}

static std::vector<int64_t> argumentsOf(const std::vector<Buffer> &buffers) {
  std::vector<int64_t> arguments;
  for (const Buffer &buffer : buffers) {
    arguments.push_back(reinterpret_cast<int64_t>(buffer.data<void>()));
    arguments.insert(arguments.end(), buffer.dims.begin(), buffer.dims.end());
  }
  return arguments;
}

namespace {
struct Team : KernelTeam {
  std::barrier<> &meeting;

  Team(std::barrier<> &meeting, int thread, int threads, const Buffer &scratch,
       const Buffer &shared)
      : KernelTeam{thread, threads, scratch.data<void>(), shared.data<void>(),
                   meet},
        meeting(meeting) {}

  static void meet(const KernelTeam *team) {
    static_cast<const Team *>(team)->meeting.arrive_and_wait();
  }
};
} // namespace

void Kernel::run(std::vector<Buffer> buffers, int threads) const {
  std::vector<int64_t> arguments = argumentsOf(buffers);
  auto [bytes, sharedBytes] = scratchBytes(buffers);
  Buffer shared({sharedBytes}, -1, 1);
  std::barrier<> meeting(threads);
  std::vector<std::thread> pool;
  for (int thread = 0; thread < threads; ++thread)
    pool.emplace_back([&, thread, bytes = bytes] {
      Buffer scratch({bytes}, -1, 1);
      Team team(meeting, thread, threads, scratch, shared);
      function(arguments.data(), &team);
    });
  for (std::thread &thread : pool)
    thread.join();
}

std::function<void()> Kernel::bind(std::vector<Buffer> buffers) const {
  auto [bytes, sharedBytes] = scratchBytes(buffers);
  return [this, buffers, arguments = argumentsOf(buffers),
          scratch = Buffer({bytes}, -1, 1),
          shared = Buffer({sharedBytes}, -1, 1)] {
    std::barrier<> meeting(1);
    Team team(meeting, 0, 1, scratch, shared);
    function(arguments.data(), &team);
  };
}

std::vector<std::string> trine::test::runnableCpus() {
  std::vector<std::string> cpus = {"x86-64-v3"};
  if (__builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
    cpus.push_back("x86-64-v4");
  return cpus;
}

std::vector<std::string> trine::test::bf16Cpus() {
  std::vector<std::string> cpus = runnableCpus();
  if (__builtin_cpu_supports("avx512bf16"))
    cpus.push_back("cooperlake");
  return cpus;
}

std::vector<std::string> trine::test::tileCpus() {
  std::vector<std::string> cpus = bf16Cpus();
  if (__builtin_cpu_supports("amx-bf16") &&
      syscall(SYS_arch_prctl, 0x1023, 18) == 0) // ARCH_REQ_XCOMP_PERM
    cpus.push_back("sapphirerapids");
  return cpus;
}

uint16_t trine::test::truncated(float &x) {
  uint32_t bits = std::bit_cast<uint32_t>(x) & 0xffff0000u;
  x = std::bit_cast<float>(bits);
  return uint16_t(bits >> 16);
}

Buffer trine::test::narrowed(Buffer &plain) {
  Buffer narrow(plain.dims, -1, 2);
  for (int64_t i = 0; i < plain.count; ++i)
    narrow.data<uint16_t>()[i] = truncated(plain.data()[i]);
  return narrow;
}

void test::runTwice(const Kernel &kernel, std::vector<Buffer> operands,
                    Buffer &y) {
  Buffer again(y.dims);
  operands.push_back(y);
  kernel.run(operands);
  operands.back() = again;
  kernel.run(operands, 3);
  for (int64_t i = 0; i < y.count; ++i)
    ASSERT_EQ(y.data()[i], again.data()[i]) << "on three threads, " << i;
}
