//===- Arguments.h - --arg of trine-ptx-sim ---------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Npy.h"
#include "trine/Simulator/PTX/Device.h"

namespace trine::sim {

/// A kernel's parameter, and the array that is written after the launch.
struct Argument {
  std::string text;           ///< as given
  std::vector<uint8_t> bytes; ///< in the buffer of parameters
  uint64_t address = 0;
  std::string output; ///< file; empty for none
  Storage type = Storage::F32;
  std::vector<int64_t> shape;
  uint64_t size = 0; ///< bytes of the array
};

/// What --arg takes, for --help.
extern const char *const argumentHelp;

/// Allocates and fills the arrays. Throws Usage for what cannot be read.
std::vector<Argument> bindArguments(const std::vector<std::string> &texts,
                                    ptx::Device &device);

/// The buffer that a launch takes; throws BadInput where count or size differ.
std::vector<uint8_t> packArguments(const std::vector<Argument> &arguments,
                                   const ptx::KernelInfo &kernel,
                                   const std::string &file);

/// Null, or the first result with bytes that the kernel gave no value.
const Argument *findUnwritten(const std::vector<Argument> &arguments,
                              const ptx::Device &device, uint64_t &bytes);

void writeResults(const std::vector<Argument> &arguments,
                  const ptx::Device &device);

} // namespace trine::sim
