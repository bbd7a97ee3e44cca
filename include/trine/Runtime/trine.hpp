//===- trine.hpp - C++ over the C interface ---------------------*- C++ -*-===//
// Header-only: RAII and exceptions for programs that link libtrine_rt.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/trine.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trine::rt {

/// What the library says, and its exit code.
class Error : public std::runtime_error {
public:
  explicit Error(trine_status code)
      : std::runtime_error(trine_error()), code(code) {}
  trine_status code;
};

inline void check(trine_status status) {
  if (status)
    throw Error(status);
}

/// A tensor over the caller's data; `name` must outlive the call.
inline trine_tensor tensor(const char *name, trine_dtype dtype,
                           const std::vector<int64_t> &shape,
                           const void *data) {
  if (shape.size() > TRINE_MAX_RANK)
    throw std::invalid_argument("a tensor has at most 8 dimensions");
  trine_tensor result{
      name, dtype, int32_t(shape.size()), {}, const_cast<void *>(data)};
  std::copy(shape.begin(), shape.end(), result.shape);
  return result;
}

class Program {
public:
  explicit Program(const std::string &path, const std::string &device = "cpu",
                   int threads = 0) {
    trine_load_options options{device.c_str(), threads};
    check(trine_load(path.c_str(), &options, &handle));
  }
  ~Program() { trine_unload(handle); }
  Program(Program &&other) noexcept : handle(other.handle) {
    other.handle = nullptr;
  }
  Program &operator=(Program &&other) noexcept {
    std::swap(handle, other.handle);
    return *this;
  }

  std::string_view manifest() const { return trine_manifest(handle); }
  bool has(const char *name) const {
    const void *data = nullptr;
    size_t bytes = 0;
    return trine_section(handle, name, &data, &bytes) == 0;
  }
  /// Throws when the package has no such section.
  std::string_view section(const char *name) const {
    const void *data = nullptr;
    size_t bytes = 0;
    check(trine_section(handle, name, &data, &bytes));
    return {static_cast<const char *>(data), bytes};
  }
  trine_program *get() const { return handle; }

private:
  trine_program *handle = nullptr;
};

/// Used by one thread at a time.
class Session {
public:
  explicit Session(const Program &program, int batch = 1) {
    check(trine_session_create(program.get(), batch, &handle));
  }
  ~Session() { trine_session_destroy(handle); }
  Session(Session &&other) noexcept
      : handle(other.handle), observer(std::move(other.observer)),
        profiler(std::move(other.profiler)) {
    other.handle = nullptr;
    watch();
  }
  Session &operator=(Session &&other) noexcept {
    std::swap(handle, other.handle);
    std::swap(observer, other.observer);
    std::swap(profiler, other.profiler);
    watch();
    other.watch();
    return *this;
  }

  /// The named outputs; their data lives until the session's next call.
  std::vector<trine_tensor> run(const char *entry,
                                const std::vector<trine_tensor> &inputs,
                                const std::vector<const char *> &outputs) {
    std::vector<trine_tensor> results(outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i)
      results[i].name = outputs[i];
    check(trine_run(handle, entry, inputs.data(), inputs.size(), results.data(),
                    results.size()));
    return results;
  }

  int64_t length(int row = 0) const {
    return trine_session_length(handle, row);
  }
  void truncate(int64_t length) {
    check(trine_session_truncate(handle, length));
  }
  void reset() { trine_session_reset(handle); }

  /// Calls `callback` after every step of later runs; an empty one ends that.
  /// It must not throw.
  void observe(std::function<void(const trine_step_event &)> callback) {
    observer = std::move(callback);
    watch();
  }
  /// Calls `callback` with the times of every later run, likewise.
  void profile(std::function<void(const trine_call_times &)> callback) {
    profiler = std::move(callback);
    watch();
  }
  trine_session *get() const { return handle; }

private:
  void watch() {
    if (!handle)
      return;
    auto step = [](const trine_step_event *event, void *self) {
      static_cast<Session *>(self)->observer(*event);
    };
    trine_session_observe(handle, observer ? +step : nullptr, this);
    auto call = [](const trine_call_times *times, void *self) {
      static_cast<Session *>(self)->profiler(*times);
    };
    trine_session_profile(handle, profiler ? +call : nullptr, this);
  }

  trine_session *handle = nullptr;
  std::function<void(const trine_step_event &)> observer;
  std::function<void(const trine_call_times &)> profiler;
};

} // namespace trine::rt
