#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "harness/backends/emulator/device.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/emulate_arguments.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/core/device_counts.hpp"
#include "harness/inputs/input_file.hpp"
#include "harness/inputs/tensor_file.hpp"

// One launch of any PTX, from files to files.
namespace attest {
namespace {

using emulator::EntryInfo;
using emulator::Finding;
using emulator::LaunchResult;
using emulator::Size3;

Size3 read_extent(const std::string& text, std::string_view option) {
  const auto refuse = [&] {
    complain(option, text.empty() ? "is not given" : fmt::format("'{}' is no extent", text),
             fmt::format("write {} X, X,Y or X,Y,Z, whole numbers from 1", option));
  };
  Size3 extent{1, 1, 1};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto [stop, error] = std::from_chars(at, end, extent[axis]);
    if (error != std::errc() || extent[axis] == 0) refuse();
    if (stop == end) return extent;
    if (*stop != ',') refuse();
    at = stop + 1;
  }
  refuse();
  return extent;
}

std::string read_text(const std::string& path) {
  InputFile file(path);
  require_free_memory(file.size(), path);
  std::string text(file.size(), '\0');
  file.read(text.data(), text.size());
  return text;
}

// Sizes of the parameters, as in "3 parameters of 8 8 4 bytes".
std::string parameters_of(const EntryInfo& info) {
  std::string sizes;
  for (const std::uint32_t size : info.parameter_sizes)
    sizes += fmt::format(" {}", size);
  if (sizes.empty()) return "no parameters";
  return fmt::format("{} parameter{} of{} bytes", info.parameter_sizes.size(),
                     info.parameter_sizes.size() == 1 ? "" : "s", sizes);
}

const EntryInfo& choose_entry(const emulator::Module& module, const EmulateOptions& options) {
  const std::vector<std::string> entries = module.entries();
  if (!options.entry.empty() || entries.size() == 1)
    return module.entry(options.entry.empty() ? entries.front() : options.entry);
  std::string names;
  for (const std::string& entry : entries)
    names += fmt::format(" {} ({})", entry, parameters_of(module.entry(entry)));
  complain(options.file, entries.empty() ? "has no entry" : "has several entries and --entry is not given",
           entries.empty() ? "give PTX with a .entry" : fmt::format("they are{}", names));
}

// A buffer in the emulated memory.
struct PlacedBuffer {
  const EmulateArgument* argument = nullptr;
  std::uint64_t address = 0;
};

PlacedBuffer place(const EmulateArgument& argument, emulator::GlobalMemory& memory) {
  require_free_memory(2 * argument.buffer_bytes, fmt::format("--args '{}'", argument.text));
  const PlacedBuffer buffer{&argument, memory.allocate(argument.buffer_bytes)};
  if (!argument.bytes.empty()) {
    memory.write(buffer.address, argument.bytes.data(), argument.buffer_bytes);
  } else if (argument.zeroed) {
    memory.fill(buffer.address, 0, 1, argument.buffer_bytes);
  }
  return buffer;
}

// The parameter block; buffers are placed in the order of their arguments.
std::vector<std::byte> parameter_block(const std::vector<EmulateArgument>& arguments, const EntryInfo& info,
                                       emulator::GlobalMemory& memory, std::vector<PlacedBuffer>& buffers) {
  const auto positional =
      static_cast<std::size_t>(std::count_if(arguments.begin(), arguments.end(), [](const EmulateArgument& argument) {
        return !argument.offset.has_value();
      }));
  const std::size_t parameters = info.parameter_sizes.size();
  const auto is_whole = [&](const EmulateArgument& argument) {
    return argument.is_block && !argument.offset && positional == 1 && argument.bytes.size() == info.parameter_bytes;
  };
  const bool whole = std::any_of(arguments.begin(), arguments.end(), is_whole);
  const bool only_in_place = positional == 0 && !arguments.empty();
  if (positional != parameters && !whole && !only_in_place)
    complain("--args", fmt::format("{} given, but '{}' takes {}", positional, info.name, parameters_of(info)),
             "give one for each, or at:OFFSET= for those out of order");
  std::vector<std::byte> block(info.parameter_bytes);
  std::size_t next = 0;
  // What is put in place goes over what is given in order.
  for (const bool in_place : {false, true}) {
    for (const EmulateArgument& argument : arguments) {
      if (argument.offset.has_value() != in_place) continue;
      const std::size_t size = argument.is_buffer ? 8 : argument.bytes.size();
      std::size_t offset = argument.offset.value_or(0);
      const std::string place_of = fmt::format("--args '{}'", argument.text);
      if (in_place && (offset > block.size() || size > block.size() - offset)) {
        complain(place_of, fmt::format("takes bytes {} to {} of {}", offset, offset + size - 1, block.size()),
                 "give an offset inside the parameters");
      } else if (!in_place && !is_whole(argument)) {
        offset = info.parameter_offsets[next];
        if (size != info.parameter_sizes[next])
          complain(place_of,
                   fmt::format("has {} bytes, but parameter {} of '{}' has {}", size, next, info.name,
                               info.parameter_sizes[next]),
                   "give a type of that size");
        ++next;
      }
      if (argument.is_buffer) {
        buffers.push_back(place(argument, memory));
        std::memcpy(block.data() + offset, &buffers.back().address, sizeof(std::uint64_t));
      } else {
        std::memcpy(block.data() + offset, argument.bytes.data(), size);
      }
    }
  }
  return block;
}

void write_outputs(const std::vector<PlacedBuffer>& buffers, const emulator::GlobalMemory& memory) {
  std::vector<std::vector<std::byte>> payloads;
  std::vector<NpyOutput> outputs;
  for (const auto& [argument, address] : buffers) {
    if (argument->output.empty()) continue;
    std::vector<std::byte> bytes(argument->buffer_bytes);
    memory.read(address, bytes.data(), bytes.size());
    payloads.push_back(output_elements(*argument, std::move(bytes)));
    outputs.push_back({argument->output, argument->type.descr, argument->shape, payloads.back()});
  }
  write_npy(outputs);
}

// Calls visit(name, count) for each of the counters, which have the names of DeviceCounts.
template <class Visit>
void for_each_counter(const emulator::Counters& counters, Visit visit) {
  const DeviceCounts names;
  const auto* next = reinterpret_cast<const std::uint64_t*>(&counters);
  static_assert(sizeof(DeviceCounts) / sizeof(double) == sizeof(emulator::Counters) / sizeof(std::uint64_t));
  for_each_count(names, [&](const char* name, double) { visit(name, *next++); });
}

nlohmann::json to_json(const Finding& finding) {
  return {{"kind", emulator::name_of(finding.kind)},
          {"message", finding.message()},
          {"source", finding.source},
          {"ptx_line", finding.ptx_line},
          {"block", finding.block},
          {"thread", finding.thread},
          {"address", finding.address},
          {"detail", finding.detail}};
}

void print_json(const EmulateOptions& options, const EntryInfo& info, const Size3& grid, const Size3& block,
                const std::vector<PlacedBuffer>& buffers, const LaunchResult& result) {
  nlohmann::json document{{"file", options.file},
                          {"entry", info.name},
                          {"grid", grid},
                          {"block", block},
                          {"shared_bytes", options.shared},
                          {"static_shared_bytes", info.static_shared_bytes},
                          {"local_bytes", info.local_bytes},
                          {"verdict", result.fault || !result.findings.empty() ? "failed" : "passed"},
                          {"printed", result.printed}};
  document["fault"] = result.fault ? to_json(*result.fault) : nlohmann::json();
  document["findings"] = nlohmann::json::array();
  for (const Finding& finding : result.findings)
    document["findings"].push_back(to_json(finding));
  document["buffers"] = nlohmann::json::array();
  for (const auto& [argument, address] : buffers)
    document["buffers"].push_back(
        {{"argument", argument->text}, {"address", address}, {"bytes", argument->buffer_bytes}});
  // A launch that ended early has no counts: they would be of some blocks, and which ones is chance.
  nlohmann::json& counts = document["counts"];
  if (!result.fault)
    for_each_counter(result.counters, [&](const char* name, std::uint64_t count) { counts[name] = count; });
  // What a kernel prints may be any bytes.
  fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_table(const CommonOptions& common, const LaunchResult& result) {
  fmt::print("{}", result.printed);
  if (!result.printed.empty() && result.printed.back() != '\n') fmt::print("\n");
  if (result.fault) return;  // it has no counts
  TextTable table({{"count", false}, {"value", true}}, common.color_out);
  for_each_counter(result.counters, [&](const char* name, std::uint64_t count) {
    table.add({name, fmt::format("{}", count)});
  });
  fmt::print("{}", table.text());
}

void print_findings(const LaunchResult& result, const std::vector<PlacedBuffer>& buffers) {
  if (!result.fault && result.findings.empty()) return;
  std::fflush(stdout);
  for (const auto& [argument, address] : buffers)
    fmt::print(stderr, "attest: buffer {:#x} to {:#x}: {}\n", address, address + argument->buffer_bytes - 1,
               argument->text);
  for (const Finding& finding : result.findings)
    fmt::print(stderr, "attest: {}\n", finding.message());
  const bool has_outputs = std::any_of(buffers.begin(), buffers.end(),
                                       [](const PlacedBuffer& buffer) { return !buffer.argument->output.empty(); });
  if (result.fault)
    fmt::print(stderr, "attest: {}{}\n", result.fault->message(), has_outputs ? "; no output is written" : "");
}

LaunchResult launch(const EmulateOptions& options, const emulator::Module& module, const EntryInfo& info,
                    const Size3& grid, const Size3& block, const std::vector<std::byte>& parameters) {
  emulator::LaunchOptions how;
  how.sanitize = options.sanitize;
  how.threads = options.threads;
  how.instruction_budget = options.instruction_budget;
  how.deadline_seconds = options.deadline_seconds;
  how.warp_order_seed = options.warp_order;
  return module.launch(info.name, grid, block, static_cast<std::uint32_t>(options.shared), parameters, how);
}

void check_options(const EmulateOptions& options) {
  if (options.shared > std::numeric_limits<std::uint32_t>::max())
    complain("--shared", fmt::format("{} is too large", options.shared), "give at most 166912 bytes");
  if (options.threads < 0 || options.threads > 4096)
    complain("--threads", fmt::format("{} is no number of threads", options.threads),
             "give 1 to 4096, or 0 for all CPUs");
  if (!(options.deadline_seconds >= 0.0) || !std::isfinite(options.deadline_seconds))
    complain("--deadline-seconds", fmt::format("{} is no time", options.deadline_seconds),
             "give seconds, or 0 for none");
}

}  // namespace

ExitCode emulate_command(const CommonOptions& common, const EmulateOptions& options) {
  check_options(options);
  const Size3 grid = read_extent(options.grid, "--grid");
  const Size3 block = read_extent(options.block, "--block");
  try {
    emulator::GlobalMemory memory;
    const emulator::Module module(read_text(options.file), options.file, memory,
                                  {.wide_accumulation = options.wide_accumulation, .contract = options.contract});
    const EntryInfo& info = choose_entry(module, options);
    const std::vector<EmulateArgument> arguments = read_emulate_arguments(options.arguments);
    std::vector<PlacedBuffer> buffers;
    const std::vector<std::byte> parameters = parameter_block(arguments, info, memory, buffers);
    const LaunchResult result = launch(options, module, info, grid, block, parameters);
    if (!result.fault) write_outputs(buffers, memory);
    if (common.json) {
      print_json(options, info, grid, block, buffers, result);
    } else {
      print_table(common, result);
    }
    print_findings(result, buffers);
    return result.fault || !result.findings.empty() ? ExitCode::failed : ExitCode::passed;
  } catch (const emulator::LoadError& error) {
    throw Error(error.what());
  } catch (const emulator::LaunchError& error) {
    complain(options.file, error.what(), "");
  }
}

}  // namespace attest
