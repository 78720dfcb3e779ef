// Everything in one include. What the single header is made from.
#pragma once

// Names of the standard library's that some programs have macros for: its headers, included here for the first time, are
// spared them. coworker's own headers need no such help.
#pragma push_macro("abs")
#pragma push_macro("fail")
#pragma push_macro("log")
#pragma push_macro("max")
#pragma push_macro("min")
#pragma push_macro("round")
#pragma push_macro("test")
#undef abs
#undef fail
#undef log
#undef max
#undef min
#undef round
#undef test

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/coro/when_all.hpp>
#include <coworker/coro/when_any.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/block_for.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/http/client.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/job_log.hpp>
#include <coworker/job/middleware/authorised.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/job/middleware/wrapping.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/aimd.hpp>
#include <coworker/scale/climb_evidence.hpp>
#include <coworker/scale/combine.hpp>
#include <coworker/scale/hill_climb.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <coworker/scale/memory_outlook.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/prometheus.hpp>
#include <coworker/scale/real_functions.hpp>
#include <coworker/scale/recorder.hpp>
#include <coworker/scale/resource_guard.hpp>
#include <coworker/scale/resources.hpp>
#include <coworker/scale/throughput_sample.hpp>
#include <coworker/scale/vegas.hpp>
#include <coworker/start.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/transport/runpod/heartbeat.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/transport/runpod/stop_channel.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/rules.hpp>
#include <coworker/typed/schema.hpp>
#include <coworker/typed/validate.hpp>
#include <coworker/typed/write.hpp>
#include <coworker/version.hpp>
#include <coworker/worker.hpp>
#include <coworker/worker/options.hpp>
#include <coworker/worker/settled_body.hpp>

// Descriptors and sockets, where the system has them as POSIX says.
#if COWORKER_POSIX
#include <coworker/net/address.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/poller.hpp>
#include <coworker/net/readable.hpp>
#include <coworker/net/tcp.hpp>
#endif

// For tests of handlers and modifiers.
#ifdef COWORKER_WITH_SIMULATION
#include <coworker/simulation/simulation.hpp>
#endif

#pragma pop_macro("abs")
#pragma pop_macro("fail")
#pragma pop_macro("log")
#pragma pop_macro("max")
#pragma pop_macro("min")
#pragma pop_macro("round")
#pragma pop_macro("test")
