// Macros that real programs have defined before they include another library's header: their own, and those
// of other headers. Like such a program, every_kind.cpp includes the standard headers that it needs before
// this one.

// <windows.h>
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define near
#define far
#define small char
#define hyper __int64
#define interface struct
#define pascal
#define cdecl
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define TRUE 1
#define FALSE 0
#define DELETE (0x00010000L)
#define ERROR 0
#define NO_ERROR 0L
#define STRICT 1
#define IGNORE 0
#define INFINITE 0xFFFFFFFF
#define ABSOLUTE 1
#define RELATIVE 2
#define TRANSPARENT 1
#define DIFFERENCE 11
#define Yield()
#define GetObject GetObjectA
#define GetMessage GetMessageA
#define SendMessage SendMessageA
#define CreateEvent CreateEventA
#define GetCurrentTime() 0

// X11's <X.h> and <Xlib.h>
#define None 0L
#define Status int
#define Bool int
#define True 1
#define False 0
#define Success 0
#define Always 2
#define Above 0
#define Below 1
#define Complex 0
#define Convex 2
#define Unsorted 0
#define Expose 12
#define KeyPress 2
#define FocusIn 9

// Qt
#define signals public
#define slots
#define emit
#define foreach(variable, container) for (variable : container)
#define forever for (;;)

// Apple's <AssertMacros.h>, Objective-C
#define check(assertion) ((void)(assertion))
#define verify(assertion) ((void)(assertion))
#define require(assertion, label) ((void)(assertion))
#define nil nullptr
#define YES true
#define NO false

// glibc's <sys/sysmacros.h>, <complex.h>, <assert.h>, <ctype.h> in C; GCC's own with -std=gnu++20
#define major(device) ((device) >> 8)
#define minor(device) ((device)&255)
#define makedev(high, low) ((high) << 8 | (low))
#define I (1.0i)
#undef assert
#define assert(condition) ((void)(condition))
#define isdigit(c) ((unsigned)(c) - '0' < 10)
#define isspace(c) ((c) == ' ')
#define toupper(c) ((c) & ~32)
#define tolower(c) ((c) | 32)
#undef unix
#undef linux
#define unix 1
#define linux 1

// Programs' own, and those of C libraries
#define error(...) ((void)0)
#define warn(...) ((void)0)
#define warning(...) ((void)0)
#define info(...) ((void)0)
#define debug(...) ((void)0)
#define trace(...) ((void)0)
#define log(...) ((void)0)
#define print(...) ((void)0)
#define die(...) ((void)0)
#define fail(...) ((void)0)
#define expect(...) ((void)0)
#define ensure(...) ((void)0)
#define test(...) ((void)0)
#define defer(...) ((void)0)
#define await(...) ((void)0)
#define async(...) ((void)0)
#define abs(x) ((x) < 0 ? -(x) : (x))
#define round(x) ((int)((x) + 0.5))
#define bit(n) (1 << (n))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define unused(x) ((void)(x))
#define countof(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) ((type*)(pointer))
#define stringify(x) #x
#define concat(a, b) a##b
#define CHECK(...) ((void)0)
#define REQUIRE(...) ((void)0)
#define EXPECT(...) ((void)0)
#define ASSERT(...) ((void)0)
#define FAIL(...) ((void)0)
#define INFO(...) ((void)0)
#define WARN(...) ((void)0)
#define LOG(...) ((void)0)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define PI 3.14159265358979323846
#define EPSILON 1e-9
#define BUFFER_SIZE 4096
#define VERSION "1.0"
#define NAME "program"
#define DEBUG 1
#define B0 0
#define F(text) text
#define OK 0
#define ERR (-1)
#define HIGH 1
#define LOW 0
#define INPUT 0
#define OUTPUT 1
#define DEFAULT 1
#define GET 1
#define POST 2
#define clamp(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))
#define panic(...) ((void)0)
#define unreachable() __builtin_unreachable()
