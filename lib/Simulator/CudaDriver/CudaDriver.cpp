//===- CudaDriver.cpp - launches of the stand-in --------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CudaDriver.h"
#include "trine/Support/Error.h"

#include <charconv>
#include <cstdlib>

using namespace trine;
using namespace trine::cuda;

Settings Settings::parse(std::string_view text) {
  Settings settings;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    size_t equals = word.find('=');
    std::string_view key = word.substr(0, equals);
    uint64_t number = 1;
    if (equals != word.npos) {
      const char *end = word.data() + word.size();
      auto [stop, fault] =
          std::from_chars(word.data() + equals + 1, end, number);
      if (fault != std::errc() || stop != end)
        key = "";
    }
    if (key == "seed")
      settings.seed = number;
    else if (key == "eager")
      settings.eager = number;
    else if (key == "out-of-memory")
      settings.outOfMemory = number;
    else if (key == "fail-launch")
      settings.failLaunch = number;
    else
      throw Error(ExitCode::Usage, "TRINE_CUDA_SIM",
                  fmt::format("expected seed=N, eager, out-of-memory=N or "
                              "fail-launch=N, got '{}'",
                              word));
  }
  return settings;
}

CudaDriver::CudaDriver() {
  for (const ptx::Arch &arch : ptx::allArchs())
    gpus.push_back(std::make_unique<Gpu>(arch));
}

CUresult CudaDriver::fail(CUresult result, std::string what) {
  texts[result] = std::move(what);
  return result;
}

static std::string describe(const ptx::Trap &trap, const std::string &kernel) {
  std::string text = fmt::format(
      "kernel '{}', line {} of its PTX: {}, block ({}, {}, {}), warp {}, lane "
      "{}: {}",
      kernel, trap.line, nameOf(trap.kind), trap.cta[0], trap.cta[1],
      trap.cta[2], trap.warp, trap.lane, trap.what);
  for (const std::string &note : trap.notes)
    text += "\n  " + note;
  return text;
}

CUresult CudaDriver::launch(Gpu &gpu, const Function &function,
                            const ptx::LaunchOptions &options,
                            const std::vector<uint8_t> &parameters) {
  if (++launches == settings.failLaunch)
    return gpu.broken = fail(kLaunchFailed, "a launch that was told to fail");
  try {
    ptx::LaunchResult result =
        gpu.device.launch(*function.program, options, parameters);
    if (!result.trap)
      return kSuccess;
    bool address = result.trap->kind == ptx::TrapKind::OutOfBounds ||
                   result.trap->kind == ptx::TrapKind::Misaligned;
    return gpu.broken = fail(address ? kIllegalAddress : kLaunchFailed,
                             describe(*result.trap, function.info->name));
  } catch (const Error &error) {
    return fail(kInvalidValue, error.what());
  }
}

CUresult CudaDriver::drain(Gpu &gpu, Stream &stream) {
  while (!stream.queue.empty() && gpu.broken == kSuccess) {
    auto work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (CUresult result = work())
      return result;
  }
  return gpu.broken;
}

void CudaDriver::drain(Gpu &gpu) {
  for (auto &[handle, stream] : gpu.streams)
    drain(gpu, *stream);
}
