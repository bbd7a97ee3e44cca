//===- CApi.cpp - the C interface: errors become status and message -------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CApi.h"
#include "Session.h"
#include "trine/Support/Version.h"

using namespace trine;

struct trine_program {
  std::shared_ptr<Program> program;
};
struct trine_session {
  Session session;
};

static thread_local std::string lastError;

trine_status trine::fail(ExitCode code, std::string_view what,
                         const std::vector<std::string> &notes) {
  try {
    lastError = what;
    for (const std::string &note : notes)
      lastError += "\nnote: " + note;
  } catch (const std::bad_alloc &) {
    lastError.clear(); // the status still tells
  }
  return int(code);
}

const char *trine_error(void) { return lastError.c_str(); }

const char *trine_version(void) { return versionString(); }

trine_status trine_load(const char *path, const trine_load_options *options,
                        trine_program **program) {
  return guard([&] {
    require(path && program, "trine_load: path or program is null");
    *program = nullptr;
    const char *device = options && options->device ? options->device : "cpu";
    int threads = options ? options->threads : 0;
    *program = new trine_program{Program::load(path, device, threads)};
  });
}

void trine_unload(trine_program *program) { delete program; }

const char *trine_manifest(const trine_program *program) {
  return program ? program->program->manifestText.c_str() : "";
}

trine_status trine_section(const trine_program *program, const char *name,
                           const void **data, size_t *bytes) {
  return guard([&] {
    require(program && name && data && bytes,
            "trine_section: an argument is null");
    const Program &loaded = *program->program;
    auto found = loaded.sections.find(std::string_view(name));
    if (found != loaded.sections.end()) {
      *data = found->second.data();
      *bytes = found->second.size();
    } else if (std::string_view(name) == "weights" && loaded.weights.size()) {
      *data = loaded.weights.data();
      *bytes = loaded.weights.size();
    } else {
      throw badInput(loaded.path, "the package has no section '{}'", name);
    }
  });
}

trine_status trine_session_create(trine_program *program, int32_t batch,
                                  trine_session **session) {
  return guard([&] {
    require(program && session, "trine_session_create: an argument is null");
    *session = nullptr;
    int64_t limit = program->program->manifest.maxBatch;
    if (batch < 1 || (limit && batch > limit))
      throw badInput(program->program->path,
                     "expected a batch of 1 to --max-batch={}, got {}",
                     limit ? limit : INT32_MAX, batch);
    *session = new trine_session{Session(program->program, batch)};
  });
}

void trine_session_destroy(trine_session *session) { delete session; }

trine_status trine_run(trine_session *session, const char *entry,
                       const trine_tensor *inputs, size_t input_count,
                       trine_tensor *outputs, size_t output_count) {
  return guard([&] {
    require(session && entry && (inputs || !input_count) &&
                (outputs || !output_count),
            "trine_run: an argument is null");
    session->session.run(entry, {inputs, input_count}, {outputs, output_count});
  });
}

int64_t trine_session_length(const trine_session *session, int32_t row) {
  if (!session || row < 0 || size_t(row) >= session->session.lengths().size())
    return -1;
  return session->session.lengths()[size_t(row)];
}

trine_status trine_session_truncate(trine_session *session, int64_t length) {
  return guard([&] {
    require(session, "trine_session_truncate: session is null");
    session->session.truncate(length);
  });
}

void trine_session_reset(trine_session *session) {
  if (session)
    session->session.reset();
}

void trine_session_observe(trine_session *session, trine_step_callback callback,
                           void *user) {
  if (session)
    session->session.observe(callback, user);
}

void trine_session_profile(trine_session *session,
                           trine_profile_callback callback, void *user) {
  if (session)
    session->session.profile(callback, user);
}
