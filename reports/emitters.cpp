#include "reports/emit.hpp"

namespace attest::reports {

const std::vector<Emitter>& emitters() {
  static const std::vector<Emitter> all = {
      {"md", emit_markdown}, {"html", emit_html}, {"csv", emit_csv}, {"json", emit_json}};
  return all;
}

}  // namespace attest::reports
