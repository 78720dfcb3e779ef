// All of coworker in one include; the single header is generated from it. Must not define anything.
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG < 202002L : __cplusplus < 202002L
#error "coworker needs C++20; compile with -std=c++20"
#elif !defined(__cpp_exceptions)
#error "coworker reports errors by exceptions; compile without -fno-exceptions"
#endif

// Some programs define macros with names of the standard library. They are hidden from its headers where
// these are included for the first time. coworker's own headers work with such macros.
#pragma push_macro("abs")
#pragma push_macro("clamp")
#pragma push_macro("fail")
#pragma push_macro("log")
#pragma push_macro("max")
#pragma push_macro("min")
#pragma push_macro("round")
#pragma push_macro("test")
#undef abs
#undef clamp
#undef fail
#undef log
#undef max
#undef min
#undef round
#undef test

#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/collect.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/coro/when_all.hpp>
#include <coworker/coro/when_any.hpp>
#include <coworker/exec/active_sequence.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/block_for.hpp>
#include <coworker/exec/blocking.hpp>
#include <coworker/exec/channel.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/lanes.hpp>
#include <coworker/exec/lender.hpp>
#include <coworker/exec/promise.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/step_engine.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/http/base64.hpp>
#include <coworker/http/chunked_decoder.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/date.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/request_limits.hpp>
#include <coworker/http/request_parser.hpp>
#include <coworker/http/response_head.hpp>
#include <coworker/http/response_writer.hpp>
#include <coworker/http/route.hpp>
#include <coworker/http/s3.hpp>
#include <coworker/http/server.hpp>
#include <coworker/http/server_exchange.hpp>
#include <coworker/http/server_options.hpp>
#include <coworker/http/sse.hpp>
#include <coworker/http/status.hpp>
#include <coworker/http/url.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/generate_text.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/job_error.hpp>
#include <coworker/job/job_log.hpp>
#include <coworker/job/limits.hpp>
#include <coworker/job/middleware/authorised.hpp>
#include <coworker/job/middleware/batch_call.hpp>
#include <coworker/job/middleware/batch_line.hpp>
#include <coworker/job/middleware/batch_result.hpp>
#include <coworker/job/middleware/batched.hpp>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/job/middleware/retried.hpp>
#include <coworker/job/middleware/wrapping.hpp>
#include <coworker/job/openai.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/routes.hpp>
#include <coworker/job/stream_options.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/job/token_text.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/job/worker_blocking.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/net/address.hpp>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/poller.hpp>
#include <coworker/net/readable.hpp>
#include <coworker/net/tcp.hpp>
#include <coworker/scale/aimd.hpp>
#include <coworker/scale/climb_evidence.hpp>
#include <coworker/scale/combine.hpp>
#include <coworker/scale/hill_climb.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <coworker/scale/memory_outlook.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/otlp.hpp>
#include <coworker/scale/prometheus.hpp>
#include <coworker/scale/real_functions.hpp>
#include <coworker/scale/recorder.hpp>
#include <coworker/scale/resource_guard.hpp>
#include <coworker/scale/resources.hpp>
#include <coworker/scale/throughput_sample.hpp>
#include <coworker/scale/vegas.hpp>
#include <coworker/start.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/checks.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/environment.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/transport/memory_queue.hpp>
#include <coworker/transport/s3_environment.hpp>
#include <coworker/typed/problems.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/rules.hpp>
#include <coworker/typed/schema.hpp>
#include <coworker/typed/validate.hpp>
#include <coworker/typed/write.hpp>
#include <coworker/version.hpp>
#include <coworker/worker.hpp>
#include <coworker/worker/options.hpp>

// For handlers that call other servers.
#ifdef COWORKER_WITH_CURL
#include <coworker/http/call.hpp>
#include <coworker/http/download.hpp>
#include <coworker/http/s3_put.hpp>
#include <coworker/transport/runpod/endpoint_client.hpp>
#endif

// For unit tests of handlers and modifiers.
#ifdef COWORKER_WITH_SIMULATION
#include <coworker/job/test_job.hpp>
#include <coworker/simulation/conformance.hpp>
#include <coworker/simulation/simulation.hpp>
#endif

#pragma pop_macro("abs")
#pragma pop_macro("clamp")
#pragma pop_macro("fail")
#pragma pop_macro("log")
#pragma pop_macro("max")
#pragma pop_macro("min")
#pragma pop_macro("round")
#pragma pop_macro("test")
