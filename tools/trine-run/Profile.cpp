//===- Profile.cpp - observed steps → tables, traces, arrays --------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Profile.h"
#include "Arrays.h"
#include "trine/Support/Error.h"
#include "trine/Support/File.h"

#include <algorithm>
#include <cstring>
#include <fmt/ranges.h>

using namespace trine;
using namespace trine::run;
using Json = nlohmann::json;

void Profile::add(const trine_step_event &event) {
  events.push_back({event.kernel, event.family, event.device, event.node,
                    elapsed, event.seconds});
  elapsed += event.seconds;
}

Json Profile::kernels() const {
  struct Row {
    const Event *first;
    int64_t calls = 0;
    double seconds = 0;
  };
  std::map<std::pair<std::string, std::string>, Row> rows;
  for (const Event &event : events) {
    Row &row = rows[{event.device, event.kernel}];
    row.first = &event;
    ++row.calls;
    row.seconds += event.seconds;
  }
  std::vector<Row> sorted;
  for (const auto &[key, row] : rows)
    sorted.push_back(row);
  std::ranges::sort(sorted, std::greater(), &Row::seconds);
  Json list = Json::array();
  for (const Row &row : sorted)
    list.push_back({{"name", row.first->kernel},
                    {"family", row.first->family},
                    {"device", row.first->device},
                    {"calls", row.calls},
                    {"seconds", row.seconds},
                    {"share", elapsed > 0 ? row.seconds / elapsed : 0}});
  return list;
}

void Profile::printTable() const {
  fmt::print(stderr, "{:<32} {:<12} {:<10} {:>7} {:>11} {:>7}\n", "kernel",
             "family", "device", "calls", "ms", "share");
  for (const Json &row : kernels())
    fmt::print(stderr, "{:<32} {:<12} {:<10} {:>7} {:>11.3f} {:>6.1f}%\n",
               row["name"].get<std::string>(), row["family"].get<std::string>(),
               row["device"].get<std::string>(), row["calls"].get<int64_t>(),
               row["seconds"].get<double>() * 1e3,
               row["share"].get<double>() * 100);
}

void Profile::write(const std::string &file) const {
  if (!file.ends_with(".perfetto-trace")) {
    Json json = {{"schema", "trine.profile/1"},
                 {"seconds", elapsed},
                 {"kernels", kernels()}};
    writeText(file, json.dump(2) + "\n");
    return;
  }
  // The Trace Event format, which Perfetto reads.
  Json list = Json::array();
  for (const Event &event : events)
    list.push_back(
        {{"name", event.kernel},
         {"cat", event.family},
         {"ph", "X"},
         {"ts", event.start * 1e6},
         {"dur", event.seconds * 1e6},
         {"pid", 1},
         {"tid", 1},
         {"args", {{"node", event.node}, {"device", event.device}}}});
  Json json = {{"displayTimeUnit", "ns"}, {"traceEvents", list}};
  writeText(file, json.dump(-1, ' ', true, Json::error_handler_t::replace));
}

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
