# What unenv's EventEmitter does otherwise than Node's, mended when it is built; see the Makefile. It checks what it is given,
# and its errors have names and codes.
/^import { AsyncResource }/a import { abortError, checkCount, checkFunction, invalidInstance, invalidThis, unhandledError } from "../../runtime/node/errors";
s~^const ERR_INVALID_THIS = .*~const ERR_INVALID_THIS = invalidThis;~
s~^const ERR_UNHANDLED_ERROR = .*~const ERR_UNHANDLED_ERROR = unhandledError;~
s~^const ERR_INVALID_ARG_TYPE = .*~const ERR_INVALID_ARG_TYPE = invalidInstance;~
s~^const AbortError = .*~const AbortError = abortError;~
s~// validateFunction(listener, .listener.);~checkFunction("listener", listener);~
s~// validateNumber(n, "setMaxListeners", 0);~checkCount("setMaxListeners", n);~
s~// validateNumber(arg, "defaultMaxListeners", 0);~checkCount("defaultMaxListeners", arg);~
