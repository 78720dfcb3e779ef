#pragma once

// The picture of the modifier study: for each load, the limit and the job times over time. Must not know how
// they were measured.

#include <string>
#include <vector>

#include "../support/load_study.hpp"

namespace coworker::bench {

/// One load's panel.
struct panel {
  testing::load what;
  std::vector<int> best_limits;  ///< the best fixed limit of each period
  std::vector<double> best_p99;  ///< the p99 of each best limit, in seconds
  testing::run_record recommended;
  std::vector<testing::run_record> others;  ///< drawn as thin lines behind it, in the order of `names`
};

/// An SVG document, two panels in a row.
std::string draw(const std::vector<panel>& panels, const std::vector<std::string>& names);

}  // namespace coworker::bench
