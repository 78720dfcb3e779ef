// RapidJSON again, with SSE2, in a namespace of its own so that one program can contain both.

#ifdef __SSE2__
#define RAPIDJSON_SSE2
#define RAPIDJSON_NAMESPACE rapidjson_sse2
#define RAPIDJSON_NAMESPACE_BEGIN namespace rapidjson_sse2 {
#define RAPIDJSON_NAMESPACE_END }
#include "json_rapidjson.cpp"
#endif
