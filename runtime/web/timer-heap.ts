// A binary heap of timers, earliest first and first come first served among equals. Each timer knows its place, so
// that a cancelled one leaves at once: a worker that sets and clears a timeout per request must not pile them up.

export interface Timer {
    readonly id: number;
    /** When it is due, on the scale of native.timerTime(). */
    at: number;
    /** Order of arrival, which decides among timers due at the same time. */
    order: number;
    /** Place in the heap, -1 while outside. */
    index: number;
    /** Milliseconds between two runs, or -1 for a timer that runs once. */
    readonly period: number;
    readonly run: () => void;
}

const heap: Timer[] = [];

function before(a: Timer, b: Timer): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function place(timer: Timer, index: number): void {
    heap[index] = timer;
    timer.index = index;
}

function rise(timer: Timer, index: number): void {
    while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!before(timer, heap[parent]!)) {
            break;
        }
        place(heap[parent]!, index);
        index = parent;
    }
    place(timer, index);
}

function sink(timer: Timer, index: number): void {
    for (;;) {
        let child = 2 * index + 1;
        if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) {
            child++;
        }
        if (child >= heap.length || before(timer, heap[child]!)) {
            break;
        }
        place(heap[child]!, index);
        index = child;
    }
    place(timer, index);
}

/** The timer due first, or undefined. */
export function first(): Timer | undefined {
    return heap[0];
}

/** Adds a timer that is outside. */
export function insert(timer: Timer): void {
    heap.length++;
    rise(timer, heap.length - 1);
}

/** Takes out a timer that is inside, wherever it stands. */
export function remove(timer: Timer): void {
    const { index } = timer;
    const last = heap.pop()!;
    timer.index = -1;
    if (last !== timer) {
        sink(last, index);
        rise(last, last.index);
    }
}
