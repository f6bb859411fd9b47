// Control forms: what steers a warp. The interpreter acts on Form::flow; the handlers here do nothing, so that an
// instruction with an empty mask of lanes is as good as one that was executed.

#include <string>

#include "harness/backends/emulator/form.hpp"
#include "harness/backends/emulator/memory.hpp"
#include "harness/backends/emulator/program.hpp"
#include "harness/backends/emulator/synthetic.hpp"

namespace attest::emulator {
namespace {

const OperandForm number{.place = Place::word, .bits = 32};
const OperandForm optional_number{.place = Place::word, .bits = 32, .optional = true};
const OperandForm predicate{.place = Place::predicate, .bits = 1};
const OperandForm written_number{.place = Place::word, .bits = 32, .destination = true};
const OperandForm written_predicate{.place = Place::predicate, .bits = 1, .destination = true};

void synchronise_warp(const Instruction&, Warp& warp, Mask) {
  order_within_warp(warp);
}

struct ControlForm {
  const char* text;
  Flow flow;
  std::vector<OperandForm> operands;
};

/// `bar` is `barrier` that is aligned; `.cta` may be left out. The text here has neither.
const std::vector<ControlForm>& barriers() {
  static const std::vector<ControlForm> forms{
      {"sync", Flow::barrier, {number, optional_number}},
      {"arrive", Flow::barrier, {number, number}},
      {"red.popc.u32", Flow::barrier, {written_number, number, optional_number, predicate}},
      {"red.and.pred", Flow::barrier, {written_predicate, number, optional_number, predicate}},
      {"red.or.pred", Flow::barrier, {written_predicate, number, optional_number, predicate}},
  };
  return forms;
}

const std::vector<ControlForm>& others() {
  static const std::vector<ControlForm> forms{
      {"bra", Flow::branch, {}},
      {"bra.uni", Flow::branch, {}},
      {"brx.idx", Flow::branch, {number}},
      {"brx.idx.uni", Flow::branch, {number}},
      {"call", Flow::call, {}},
      {"call.uni", Flow::call, {}},
      {"ret", Flow::ret, {}},
      {"ret.uni", Flow::ret, {}},
      {"exit", Flow::exit, {}},
      {"trap", Flow::trap, {}},
      {"brkpt", Flow::trap, {}},
      {"nanosleep.u32", Flow::none, {number}},
      {"bar.warp.sync", Flow::gather, {number}},
  };
  return forms;
}

std::string joined(std::span<const std::string_view> modifiers) {
  std::string text;
  for (const std::string_view modifier : modifiers)
    text.append(text.empty() ? "" : ".").append(modifier);
  return text;
}

Form made(const ControlForm& control) {
  Form form;
  form.run = control.flow == Flow::gather ? &synchronise_warp : &do_nothing;
  form.operands = control.operands;
  form.kind = Class::control;
  form.flow = control.flow;
  if (control.flow == Flow::gather) form.members = 0;
  return form;
}

}  // namespace

std::optional<Form> find_control_form(std::string_view opcode, std::span<const std::string_view> modifiers) {
  if ((opcode == "bar" || opcode == "barrier") && !(modifiers.size() > 0 && modifiers[0] == "warp")) {
    std::string text = joined(modifiers);
    if (text.starts_with("cta.")) text.erase(0, 4);
    if (opcode == "barrier") {
      if (const auto aligned = text.find(".aligned"); aligned != std::string::npos) text.erase(aligned, 8);
    }
    for (const ControlForm& form : barriers())
      if (text == form.text) return made(form);
    return std::nullopt;
  }
  std::string text(opcode);
  if (!modifiers.empty()) text.append(".").append(joined(modifiers));
  for (const ControlForm& form : others())
    if (text == form.text) return made(form);
  return std::nullopt;
}

std::int64_t barrier_code(std::string_view opcode, std::span<const std::string_view> modifiers) {
  BarrierAction action = BarrierAction::sync;
  bool aligned = opcode == "bar";
  for (const std::string_view modifier : modifiers) {
    if (modifier == "arrive") action = BarrierAction::arrive;
    if (modifier == "popc") action = BarrierAction::red_popc;
    if (modifier == "and") action = BarrierAction::red_and;
    if (modifier == "or") action = BarrierAction::red_or;
    if (modifier == "aligned") aligned = true;
  }
  return static_cast<std::int64_t>(action) | (aligned ? aligned_barrier : 0);
}

std::vector<std::string> known_control_forms() {
  std::vector<std::string> all;
  for (const ControlForm& form : others())
    all.emplace_back(form.text);
  for (const ControlForm& form : barriers()) {
    for (const char* const opcode : {"bar.", "bar.cta.", "barrier.", "barrier.cta."}) {
      all.push_back(std::string(opcode) + form.text);
      if (opcode[3] != 'r') continue;
      // .aligned stands before the type: barrier.sync.aligned, barrier.red.popc.aligned.u32.
      std::string text = all.back();
      const auto type = std::string_view(form.text).starts_with("red") ? text.rfind('.') : text.size();
      all.push_back(text.insert(type, ".aligned"));
    }
  }
  return all;
}

}  // namespace attest::emulator
