//===- Hash.cpp - SHA-256 through libcrypto -------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/Hash.h"
#include "trine/Support/Error.h"

#include <openssl/evp.h>

using namespace trine;

Sha256::Sha256() : context(EVP_MD_CTX_new()) {
  if (!context || !EVP_DigestInit_ex(static_cast<EVP_MD_CTX *>(context),
                                     EVP_sha256(), nullptr))
    throw Error(ExitCode::Environment, "libcrypto", "SHA-256 is not available");
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX *>(context)); }

void Sha256::update(Bytes bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX *>(context), bytes.data(),
                   bytes.size());
}

Digest Sha256::finish() {
  Digest digest;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX *>(context), digest.data(),
                     nullptr);
  return digest;
}

Digest trine::sha256(Bytes bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string trine::hex(const Digest &digest) {
  std::string text;
  for (uint8_t byte : digest)
    text += fmt::format("{:02x}", byte);
  return text;
}
