#include "harness/backends/cpu/cpu_backend.hpp"

#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <sys/mman.h>
#include <vector>

#include "harness/core/error.hpp"

namespace attest {
namespace {

// Memory for the workspace, on huge pages where the system gives them: 4 KiB pages cost up to 1.4 times in bandwidth.
class Pages {
 public:
  explicit Pages(std::size_t bytes) : bytes_(bytes) {
    if (bytes_ == 0) return;
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(memory);
    madvise(memory_, bytes_, MADV_HUGEPAGE);
  }
  ~Pages() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::span<std::byte> span() const { return {memory_, bytes_}; }

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

void fill_with_nan(const Tensor& tensor) {
  const DType type = tensor.view().dtype;
  const std::int64_t count = tensor.view().element_count();
  for (std::int64_t index = 0; index < count; ++index) {
    store_element(tensor.view().data, type, index, std::numeric_limits<double>::quiet_NaN());
  }
}

class CpuExecution final : public Execution {
 public:
  CpuExecution(const Variant& variant, const Kernel& kernel, const Problem& problem, const TensorSet& inputs,
               int threads)
      : kernel_(kernel),
        problem_(problem),
        inputs_(inputs),
        threads_(threads),
        pages_(kernel.workspace_bytes(problem, threads)),
        workspace_(pages_.span()) {
    for (const TensorSpec& spec : tensors_of(variant, problem)) {
      if (spec.role == Role::output) fill_with_nan(storage_.add(spec.name, spec.dtype, spec.shape));
    }
    outputs_ = storage_.views();
  }

  void run() override { run_noting(nullptr); }
  bool run_in_phases(Phases& phases) override {
    run_noting(&phases);
    return true;
  }

  const TensorSet& outputs() override { return outputs_; }
  std::size_t workspace_measured() const override { return workspace_.peak(); }

 private:
  void run_noting(Phases* phases) {
    workspace_.reset();
    kernel_.run({.problem = problem_,
                 .inputs = inputs_,
                 .outputs = outputs_,
                 .workspace = workspace_,
                 .threads = threads_,
                 .phases = phases});
  }

  const Kernel& kernel_;
  const Problem& problem_;
  const TensorSet& inputs_;
  int threads_;
  Pages pages_;
  Workspace workspace_;
  TensorStorage storage_;
  TensorSet outputs_;
};

class CpuBackend final : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  Support available() const override { return Support::yes(); }
  bool runs(const Kernel& kernel) const override { return kernel.backend == "cpu"; }

  std::unique_ptr<Execution> prepare(const Variant& variant, const Kernel& kernel, const Problem& problem,
                                     const TensorSet& inputs, int threads, const DeviceOptions&) override {
    if (threads < 1) complain("threads", fmt::format("{} is out of range", threads), "give 1 or more");
    const Support support = supports(variant, kernel, problem, presence_of(inputs));
    if (!support) {
      complain(fmt::format("{}/{}", variant.name, kernel.name), support.reason, "choose another kernel or problem");
    }
    return std::make_unique<CpuExecution>(variant, kernel, problem, inputs, threads);
  }
};

}  // namespace

Backend& cpu_backend() {
  static CpuBackend backend;
  return backend;
}

}  // namespace attest
