#include "harness/backends/cuda/execution.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>

#include "harness/core/error.hpp"

namespace attest {
namespace {

using namespace emulator;

const DeviceModule& module_of(const std::string& id) {
  const DeviceModule* module = find_device_module(id);
  if (module == nullptr) {
    complain(id, "its device code is not in this build", "build with nvcc; see `attest doctor`", ExitCode::no_backend);
  }
  return *module;
}

template <class T>
std::vector<std::byte> bytes_of(const T& value) {
  std::vector<std::byte> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

}  // namespace

CudaExecution::CudaExecution(const DriverApi& api, const Variant& variant, const Kernel& kernel, const Problem& problem,
                             const TensorSet& inputs, int threads, std::unique_ptr<DeviceObserver> observer)
    : api_(api),
      problem_(problem),
      id_(fmt::format("{}/{}", variant.name, kernel.name)),
      device_module_(module_of(id_)),
      observer_(std::move(observer)),
      context_(api),
      workspace_(api, kernel.workspace_bytes(problem, threads)) {
  if (observer_) observer_->begin();
  allocate(variant, inputs);
  // The destructor does not run for what throws from here on, but the context's end frees all of it.
  load();
  for (Launch& launch : kernel.plan(problem, inputs).launches)
    make_ready(std::move(launch));
}

CudaExecution::~CudaExecution() {
  if (start_ != nullptr) api_.cuEventDestroy_v2(start_);
  if (stop_ != nullptr) api_.cuEventDestroy_v2(stop_);
  if (stream_ != nullptr) api_.cuStreamDestroy_v2(stream_);
  if (module_ != nullptr) api_.cuModuleUnload(module_);
}

void CudaExecution::allocate(const Variant& variant, const TensorSet& inputs) {
  for (const TensorSpec& spec : tensors_of(variant, problem_)) {
    if (spec.role == Role::output) {
      const Tensor& host = storage_.add(spec.name, spec.dtype, spec.shape);
      const auto made = tensors_.emplace(spec.name, DeviceBuffer(api_, host.bytes())).first;
      made->second.fill_with_nan();
      continue;
    }
    const TensorView* view = inputs.find(spec.name);
    if (view == nullptr) continue;
    if (view->is_dense()) {
      const std::size_t bytes = static_cast<std::size_t>(view->element_count()) * size_of(view->dtype);
      const auto made = tensors_.emplace(spec.name, DeviceBuffer(api_, bytes)).first;
      made->second.upload({view->as<const std::byte>(), bytes});
    } else {
      const Tensor dense = converted(*view, view->dtype);
      const auto made = tensors_.emplace(spec.name, DeviceBuffer(api_, dense.bytes())).first;
      made->second.upload(dense.raw());
    }
  }
  outputs_ = storage_.views();
}

void CudaExecution::load() {
  // PTX is text: the driver reads it up to a NUL, which the table keeps behind each module.
  std::array<char, 4096> log{};
  std::array<CUjit_option, 2> options{CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  std::array<void*, 2> values{log.data(), reinterpret_cast<void*>(log.size())};
  const std::string text(device_module_.ptx);
  const CUresult result = api_.cuModuleLoadDataEx(&module_, text.c_str(), 2, options.data(), values.data());
  if (result != CUDA_SUCCESS && result != CUDA_ERROR_OUT_OF_MEMORY && log[0] != '\0') {
    // The log knows lines, and not whose they are.
    throw DeviceError(fmt::format("cuModuleLoadDataEx: {}: {}: {}", api_.describe(result), id_, log.data()));
  }
  check_call(api_, result, fmt::format("cuModuleLoadDataEx of {}", id_));
  ATTEST_CALL(api_, cuStreamCreate, &stream_, CU_STREAM_DEFAULT);
  ATTEST_CALL(api_, cuEventCreate, &start_, CU_EVENT_DEFAULT);
  ATTEST_CALL(api_, cuEventCreate, &stop_, CU_EVENT_DEFAULT);
}

void CudaExecution::make_ready(Launch launch) {
  ReadyLaunch ready;
  const CUresult found = api_.cuModuleGetFunction(&ready.function, module_, launch.entry.c_str());
  check_call(api_, found, fmt::format("cuModuleGetFunction '{}'", launch.entry));
  // More than 48 KiB, an entry's static bytes included, must be asked for; asking for less does no harm.
  if (launch.shared_bytes > 0) {
    ATTEST_CALL(api_, cuFuncSetAttribute, ready.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                static_cast<int>(launch.shared_bytes));
  }
  for (const Argument& argument : launch.arguments)
    ready.values.push_back(value_of(argument, launch));
  for (std::vector<std::byte>& value : ready.values)
    ready.parameters.push_back(value.data());
  ready.launch = std::move(launch);
  launches_.push_back(std::move(ready));
}

std::vector<std::byte> CudaExecution::value_of(const Argument& argument, const Launch& launch) const {
  if (const auto* value = std::get_if<ValueBytes>(&argument)) return *value;
  if (const auto* pointer = std::get_if<TensorPointer>(&argument)) {
    const auto found = tensors_.find(pointer->tensor);
    if (found == tensors_.end()) return bytes_of(CUdeviceptr{0});
    return bytes_of(found->second.address() + static_cast<CUdeviceptr>(pointer->byte_offset));
  }
  const auto& pointer = std::get<WorkspacePointer>(argument);
  if (pointer.byte_offset < 0 || static_cast<std::size_t>(pointer.byte_offset) > workspace_.bytes()) {
    throw DeviceError(fmt::format("{}: the plan of '{}' points to byte {} of a workspace of {}", id_, launch.entry,
                                  pointer.byte_offset, workspace_.bytes()));
  }
  return bytes_of(workspace_.address() + static_cast<CUdeviceptr>(pointer.byte_offset));
}

void CudaExecution::run() {
  context_.use();
  seconds_.reset();
  if (observer_) observer_->begin();
  try {
    launch_all();
  } catch (...) {
    if (observer_) observer_->end();
    throw;
  }
  if (observer_) observer_->end();
}

void CudaExecution::launch_all() {
  ATTEST_CALL(api_, cuEventRecord, start_, stream_);
  for (ReadyLaunch& ready : launches_) {
    const Launch& launch = ready.launch;
    ATTEST_CALL(api_, cuLaunchKernel, ready.function, launch.grid.x, launch.grid.y, launch.grid.z, launch.block.x,
                launch.block.y, launch.block.z, launch.shared_bytes, stream_, ready.parameters.data(), nullptr);
  }
  ATTEST_CALL(api_, cuEventRecord, stop_, stream_);
  ATTEST_CALL(api_, cuStreamSynchronize, stream_);
  float milliseconds = 0.0F;
  const CUresult result = api_.cuEventElapsedTime(&milliseconds, start_, stop_);
  if (result == CUDA_ERROR_NOT_SUPPORTED) return;  // a device without a clock
  check_call(api_, result, "cuEventElapsedTime");
  seconds_ = static_cast<double>(milliseconds) * 1e-3;
}

const TensorSet& CudaExecution::outputs() {
  context_.use();
  for (const TensorStorage::Entry& output : storage_.entries())
    tensors_.find(output.name)->second.download(output.tensor.raw());
  return outputs_;
}

std::optional<DeviceCounts> CudaExecution::counts() const {
  return observer_ ? observer_->counts() : std::nullopt;
}

std::vector<DeviceFinding> CudaExecution::findings() const {
  return observer_ ? observer_->findings() : std::vector<DeviceFinding>{};
}

std::vector<EntryResources> CudaExecution::resources() const {
  std::vector<EntryResources> launched;
  for (const EntryResources& entry : resources_of(device_module_)) {
    const auto ready = std::find_if(launches_.begin(), launches_.end(),
                                    [&](const ReadyLaunch& one) { return one.launch.entry == entry.entry; });
    if (ready == launches_.end()) continue;
    EntryResources& of = launched.emplace_back(entry);
    of.dynamic_shared_bytes = static_cast<int>(ready->launch.shared_bytes);
    of.block_threads = static_cast<int>(ready->launch.block.x * ready->launch.block.y * ready->launch.block.z);
  }
  return launched;
}

}  // namespace attest
