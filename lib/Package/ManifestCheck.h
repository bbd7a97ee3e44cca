//===- ManifestCheck.h - what ties a manifest's fields ----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Package/Manifest.h"

namespace trine {

/// Indices in range, storage large enough, values written before they are
/// read: everything the runtime assumes. Throws BadInput naming `path`.
void checkManifest(const Manifest &manifest, const std::string &path,
                   uint64_t weightBytes);

} // namespace trine
