//===- CudaCode.cpp - the section code.cuda -------------------------------===//
// A magic, the length of a JSON text, the text, then PTX and cubins, which it
// refers to by offset and length behind it.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Package/CudaCode.h"
#include "JsonField.h"

#include <algorithm>
#include <cstring>

using namespace trine;

static constexpr std::string_view kMagic = "TRNCUDA1";
static constexpr size_t kHead = kMagic.size() + sizeof(uint64_t);
/// What the driver takes, and no kernel of ours comes near.
static constexpr int64_t kMostThreads = 1024, kMostShared = 1 << 20;

int64_t CudaExtent::evaluate(std::span<const int64_t> dimensions) const {
  int64_t product = 1, result;
  bool overflow = false;
  for (uint32_t dim : dims)
    overflow |= __builtin_mul_overflow(product, dimensions[dim], &product);
  int64_t up = product / per + (product % per != 0);
  if (overflow || __builtin_mul_overflow(times, up, &result))
    throw badInput("", "a size overflows; use a shorter sequence or a smaller "
                       "batch");
  return result;
}

uint32_t CudaLaunch::blocks(size_t axis,
                            std::span<const int64_t> dimensions) const {
  int64_t blocks = grid[axis].evaluate(dimensions);
  int64_t most = axis == 0 ? std::numeric_limits<int32_t>::max() : 65535;
  if (blocks > most)
    throw badInput(
        entry,
        "{} blocks along axis {}, where a grid has at most {}; use a "
        "shorter sequence or a smaller batch",
        blocks, axis, most);
  return uint32_t(blocks);
}

void CudaKernel::check(size_t dimensions) const {
  auto fits = [&](const std::vector<uint32_t> &dims) {
    return std::ranges::all_of(dims,
                               [&](uint32_t i) { return i < dimensions; });
  };
  bool good = fits(sizes) && fits(scratch.dims);
  for (const CudaLaunch &launch : launches) {
    good &= fits(launch.guard.dims);
    for (const CudaExtent &extent : launch.grid)
      good &= fits(extent.dims);
  }
  if (!good)
    throw badInput(name, "the code has other operands than the program");
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Json toJson(const CudaExtent &extent) {
  return Json::array({extent.times, extent.per, extent.dims});
}

std::string CudaCode::serialize() const {
  std::string blobs;
  auto put = [&](const std::string &blob) {
    Json place = Json::array({blobs.size(), blob.size()});
    blobs += blob;
    return place;
  };
  Json list = Json::array();
  for (const CudaKernel &kernel : kernels) {
    Json launches = Json::array(), cubins = Json::object();
    for (const CudaLaunch &launch : kernel.launches)
      launches.push_back(
          {{"entry", launch.entry},
           {"grid", Json::array({toJson(launch.grid[0]), toJson(launch.grid[1]),
                                 toJson(launch.grid[2])})},
           {"threads", launch.threads},
           {"shared", launch.shared},
           {"guard", toJson(launch.guard)},
           {"least", launch.least},
           {"most", launch.most}});
    for (const auto &[arch, cubin] : kernel.cubins)
      cubins[arch] = put(cubin);
    list.push_back({{"name", kernel.name},
                    {"ptx", put(kernel.ptx)},
                    {"cubins", cubins},
                    {"launches", launches},
                    {"sizes", kernel.sizes},
                    {"scratch", toJson(kernel.scratch)}});
  }
  std::string text = Json({{"arch", arch}, {"kernels", list}}).dump();
  std::string bytes(kMagic);
  uint64_t length = text.size();
  bytes.append(reinterpret_cast<const char *>(&length), sizeof length);
  return bytes + text + blobs;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static std::vector<uint32_t> readDims(const Field &field) {
  return field.list(
      [](const Field &dim) { return uint32_t(dim.integer(0, kMaxCount)); },
      256);
}

static CudaExtent readExtent(const Field &field) {
  auto parts = field.list([](const Field &part) { return &part.raw(); }, 3);
  if (parts.size() != 3)
    throw field.expected("[times, per, dims]");
  CudaExtent extent;
  extent.times = field.at(0).integer(0);
  extent.per = field.at(1).integer(1);
  extent.dims = readDims(field.at(2));
  return extent;
}

static CudaLaunch readLaunch(const Field &field) {
  CudaLaunch launch;
  launch.entry = field["entry"].text();
  auto grid = field["grid"].list(readExtent, 3);
  if (grid.size() != 3)
    throw field["grid"].expected("three extents");
  std::ranges::copy(grid, launch.grid.begin());
  launch.threads = uint32_t(field["threads"].integer(1, kMostThreads));
  launch.shared = uint32_t(field["shared"].integer(0, kMostShared));
  launch.guard = readExtent(field["guard"]);
  launch.least = field["least"].integer(0);
  launch.most = field["most"].integer(0);
  return launch;
}

CudaCode CudaCode::parse(Bytes bytes, const std::string &where) {
  uint64_t length = 0;
  if (bytes.size() < kHead ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    throw badInput(where, "no CUDA code of this version; compile the model "
                          "again with this release of Trine");
  std::memcpy(&length, bytes.data() + kMagic.size(), sizeof length);
  Bytes rest = bytes.subspan(kHead);
  if (length > rest.size())
    throw badInput(where, "cut off: a text of {} bytes in {}", length,
                   rest.size());
  Json json = parseJson(
      {reinterpret_cast<const char *>(rest.data()), size_t(length)}, where);
  Bytes blobs = rest.subspan(length);
  auto blob = [&](const Field &field) -> std::string {
    auto place = field.list([](const Field &n) { return n.integer(0); }, 2);
    if (place.size() != 2 || uint64_t(place[0]) > blobs.size() ||
        uint64_t(place[1]) > blobs.size() - uint64_t(place[0]))
      throw field.expected(
          fmt::format("[offset, bytes] within {} bytes", blobs.size()));
    Bytes part = blobs.subspan(size_t(place[0]), size_t(place[1]));
    return {reinterpret_cast<const char *>(part.data()), part.size()};
  };
  Field root(where, json);
  CudaCode code;
  code.arch = root["arch"].text();
  code.kernels = root["kernels"].list([&](const Field &field) {
    CudaKernel kernel;
    kernel.name = field["name"].text();
    kernel.ptx = blob(field["ptx"]);
    const Json &cubins = field["cubins"].raw();
    if (!cubins.is_object())
      throw field["cubins"].expected("an object");
    for (const auto &cubin : cubins.items())
      kernel.cubins[cubin.key()] = blob(field["cubins"][cubin.key().c_str()]);
    kernel.launches = field["launches"].list(readLaunch, 64);
    kernel.sizes = readDims(field["sizes"]);
    kernel.scratch = readExtent(field["scratch"]);
    return kernel;
  });
  return code;
}
