#pragma once
// Posts the results that processes which have ended left in a spool, beside the jobs of this process. Must
// not know how a result is posted.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/log.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

enum class reading : unsigned char { goes_on, ended, failed };

template <class Spool>
reading read_piece(Spool& spool, const typename Spool::left_over& one, typename Spool::input& file,
                   std::string& text, logger& log) {
  constexpr std::size_t piece = 256 * 1024;
  try {
    return file->read(text, piece) ? reading::goes_on : reading::ended;
  } catch (const std::exception& error) {  // there may be no memory for it
    spool.complain_of(one, error.what(), log);
    return reading::failed;
  }
}

// Reads one piece in each turn of the loop, because the file may be as long as any result.
template <class Spool>
task<std::optional<typename Spool::entry>> read_left_over(Spool& spool, typename Spool::left_over& one,
                                                          logger& log) {
  std::string text;
  typename Spool::input file = spool.open(one, log);
  if (!file) co_return std::nullopt;
  reading now = detail::read_piece(spool, one, file, text, log);
  while (now == reading::goes_on) {
    co_await sleep_for(duration::zero());
    now = detail::read_piece(spool, one, file, text, log);
  }
  if (now == reading::failed) co_return std::nullopt;
  co_return spool.claim(one, std::move(text), log);
}

/// Passes on the results that ended processes left in the spool, one at a time, so that only one of them is
/// in memory. A result that cannot be passed on waits, for growing times, while the others go on; as long as
/// none can be passed on, all of them wait. Returns when nothing is left.
///
/// `try_once(entry&) -> task<std::optional<duration>>` makes one attempt. It returns nothing if that settled
/// the result, which it has then removed from the spool; otherwise the shortest time to wait.
///
/// Cancellation: what is left stays in the spool, for the next process.
template <class Spool, class TryOnce>
task<void> hand_on_left_over(Spool& spool, backoff::options waits, random_source random, logger& log,
                             TryOnce try_once) {
  struct failed_one {
    typename Spool::left_over what;
    backoff waits;
    time_point due;
  };
  const auto later = [](const failed_one& a, const failed_one& b) { return a.due > b.due; };
  const executor_ref executor = co_await this_coro::executor();
  std::vector<typename Spool::left_over> fresh = spool.find_left_over();
  std::vector<failed_one> failed;  // a heap; the first one is due next
  backoff pause(waits, random);
  for (std::size_t next = 0; next < fresh.size() || !failed.empty();) {
    const bool again = next == fresh.size();  // those that were not tried yet come first
    if (again && executor.now() < failed.front().due) {
      co_await coworker::sleep_until(failed.front().due);
      continue;
    }
    failed_one one{{}, backoff(waits, random_source(random.next())), {}};
    if (again) {
      std::pop_heap(failed.begin(), failed.end(), later);
      one = std::move(failed.back());
      failed.pop_back();
    } else {
      one.what = std::move(fresh[next++]);
    }
    auto whole = detail::read_left_over(spool, one.what, log);
    std::optional<typename Spool::entry> left = co_await std::move(whole);
    if (!left) continue;
    if (!again)
      log.write(log_level::info, "Posting a result that an earlier run left in the spool.",
                log_subject(left->job_id));
    auto attempt = try_once(*left);
    const std::optional<duration> wait = co_await std::move(attempt);
    if (!wait) {
      pause.reset();
      continue;
    }
    const duration own = one.waits.next();
    one.due = after(executor.now(), own < *wait ? *wait : own);
    left.reset();
    failed.push_back(std::move(one));
    std::push_heap(failed.begin(), failed.end(), later);
    co_await sleep_for(pause.next());
  }
}

}  // namespace coworker::inline v0_1::detail
