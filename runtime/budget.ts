// The limits of the worker in this very cell, as its loader sent them. CPU time and memory are the C side's to enforce
// (src/cell/budget.h); here stands which call's CPU time counts, and what of the worker's output goes out.

import { native } from "./web/host";
import type { SomeLimits } from "./limits";
import { limitMessages } from "./rpc/values";

/** What is counted again with each call. */
let logBytesLeft = Infinity;
let logBytesMax = Infinity;

/** 0 in a host worker's cell, which has no limit. */
let cpuMsMax = 0;
/** Limits of the calls under way that may use less than the worker; mostly none. */
const lower: number[] = [];

export function openBudget(limits: SomeLimits): void {
    cpuMsMax = limits.cpuMs ?? 0;
    logBytesMax = logBytesLeft = limits.logBytes || Infinity;
    if (limits.rpcMessageBytes !== undefined) limitMessages(limits.rpcMessageBytes);
    if (limits.cpuMs !== undefined || limits.memoryMb !== undefined) {
        native.budget(cpuMsMax, limits.memoryMb ?? 0);
    }
}

/** A call begins, with a limit of its own or the worker's. It gets its full time, but the lowest limit of the calls under way. */
export function callBegins(cpuMs: number | undefined): void {
    logBytesLeft = logBytesMax;
    if (cpuMs !== undefined && (cpuMsMax === 0 || cpuMs < cpuMsMax)) lower.push(cpuMs);
    const ms = lower.length > 0 ? Math.min(...lower) : cpuMsMax;
    if (ms > 0) native.callBegins(ms);
}

/** It has ended: others that it held down may go on. */
export function callEnded(cpuMs: number): void {
    const at = lower.indexOf(cpuMs);
    if (at < 0) return;
    lower.splice(at, 1);
    native.callBegins(lower.length > 0 ? Math.min(...lower) : cpuMsMax);
}

/** All calls have. */
export function callsEnded(): void {
    lower.length = 0;
    if (cpuMsMax > 0) native.callBegins(cpuMsMax);
}

/** What may still be logged: true; false for nothing; a text to log instead, once, when the limit is reached. */
export function mayLog(characters: number): boolean | string {
    if (logBytesLeft <= 0) return false;
    logBytesLeft -= characters;
    return logBytesLeft > 0 || `Log size limit exceeded: what follows is dropped. (limits.logBytes is ${logBytesMax})`;
}
