//===- Dumps.cpp - observed steps → arrays of named nodes -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Dumps.h"
#include "Arrays.h"
#include "trine/Support/Error.h"

#include <cstring>
#include <fmt/ranges.h>

using namespace trine;
using namespace trine::run;

/// The tensor as plain rows.
static Array plain(const trine_tensor &tensor, const Layout &layout) {
  std::vector<int64_t> shape(tensor.shape, tensor.shape + tensor.rank);
  if (layout.kind == "rows")
    return Array::from(tensor);
  trine_tensor empty = tensor;
  empty.rank = 0;
  Array array = Array::from(empty);
  array.shape = shape;
  size_t width = size_t(dtypeBytes(array.dtype));
  array.bytes.resize(size_t(storedBytes(Layout{}, shape, array.dtype)));
  std::vector<int64_t> index(shape.size());
  for (size_t i = 0; i * width < array.bytes.size(); ++i) {
    int64_t rest = int64_t(i);
    for (size_t dim = shape.size(); dim-- > 0;) {
      index[dim] = rest % shape[dim];
      rest /= shape[dim];
    }
    std::memcpy(array.bytes.data() + i * width,
                static_cast<const uint8_t *>(tensor.data) +
                    size_t(layout.position(shape, index, array.dtype)) * width,
                width);
  }
  return array;
}

void Dumps::add(const trine_step_event &event) {
  if (files.empty() || failure)
    return;
  seen.emplace_back(event.node);
  auto found = files.find(event.node);
  if (found == files.end() || event.result_count == 0)
    return;
  // The runtime is C: nothing may be thrown through it.
  try {
    std::optional<Layout> layout = Layout::parse(event.layouts[0]);
    writeArray(plain(event.results[0], layout.value_or(Layout{})),
               found->second);
    ++written[found->first];
  } catch (...) {
    failure = std::current_exception();
  }
}

void Dumps::finish() const {
  if (failure)
    std::rethrow_exception(failure);
  for (const auto &[node, file] : files)
    if (!written.contains(node)) {
      std::vector<std::string> some(
          seen.begin(),
          seen.begin() + std::min<ptrdiff_t>(std::ssize(seen), 8));
      throw badInput("--dump-node", "no node '{}' ran; the first were: {}",
                     node, fmt::join(some, ", "));
    }
}
