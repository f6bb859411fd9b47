#include "reports/build.hpp"

#include <nlohmann/json.hpp>

#include "reports/build_parts.hpp"
#include "reports/reproduce.hpp"

namespace attest {

reports::Report build_report(const ReportInput& input) {
  reports::Report report;
  const reports::Study study = reports::make_study(input.cells);
  const std::vector<reports::FamilyContest> contests = reports::hold_contests(study);
  const std::optional<Peaks> peaks = reports::last_peaks(input);
  reports::fill_head(study, input, report);
  report.sweeps = reports::sweep_commands(input.runs);
  report.sections.push_back(reports::summary_section(study, contests));
  report.sections.push_back(reports::guide_section(study, contests));
  report.sections.push_back(reports::scaling_section(study));
  if (reports::Section rates = reports::rate_section(study, reports::device_name(input)); !rates.blocks.empty()) {
    report.sections.push_back(std::move(rates));
  }
  report.sections.push_back(reports::roofline_section(study, peaks));
  report.sections.push_back(reports::speedup_section(study, input.base));
  if (reports::Section threads = reports::threads_section(study); !threads.blocks.empty()) {
    report.sections.push_back(std::move(threads));
  }
  report.sections.push_back(reports::winners_section(contests));
  report.sections.push_back(reports::growth_section(study));
  report.sections.push_back(reports::accuracy_section(study));
  if (reports::Section approximation = reports::approximation_section(study); !approximation.blocks.empty()) {
    report.sections.push_back(std::move(approximation));
  }
  report.sections.push_back(reports::tradeoff_section(study));
  if (reports::Section published = reports::published_section(study); !published.blocks.empty()) {
    report.sections.push_back(std::move(published));
  }
  if (!input.verifier_table.empty()) report.sections.push_back(reports::verifier_section(input.verifier_table));
  report.sections.push_back(reports::memory_section(study));
  if (reports::Section decoding = reports::decoding_section(study); !decoding.blocks.empty()) {
    report.sections.push_back(std::move(decoding));
  }
  if (reports::Section phases = reports::phases_section(study); !phases.blocks.empty()) {
    report.sections.push_back(std::move(phases));
  }
  if (reports::Section device = reports::device_section(study); !device.blocks.empty()) {
    report.sections.push_back(std::move(device));
  }
  report.sections.push_back(reports::cache_section(input.models));
  report.sections.push_back(reports::method_section(study, peaks));
  report.sections.push_back(reports::cells_section(study, peaks));
  report.sections.push_back(reports::reviewer_section(study, contests, input, report));
  report.provenance = reports::provenance_pairs(input);
  for (const reports::View& view : study.views) {
    report.records_jsonl +=
        to_json(*view.record).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    report.records_jsonl += '\n';
  }
  return report;
}

}  // namespace attest
