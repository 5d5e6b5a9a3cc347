// Looks for a clock that moves while code runs: whoever can measure its own code can look into the processor's caches.

const clocks = {
    "Date.now": () => Date.now(),
    "new Date": () => new Date().getTime(),
    "Date()": () => Date(),
    "performance.now": () => performance.now(),
    "performance.mark": () => performance.mark("m").startTime,
    "Intl.DateTimeFormat": () => new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3 }).format(),
    "toLocaleTimeString": () => new Date().toLocaleTimeString("en", { fractionalSecondDigits: 3 }),
    "File.lastModified": () => new File([], "f").lastModified,
    "Event.timeStamp": () => new Event("e").timeStamp,
};

/** Work of well over the coarse clock's step. */
function work() {
    let n = 0;
    for (let i = 0; i < 3e7; i++) n = (n * 31 + i) | 0;
    return n;
}

export default async () => {
    const before = Object.entries(clocks).map(([name, read]) => [name, read()]);
    work();
    await undefined; // neither do promise reactions let time pass
    await Promise.resolve().then(work);
    const moved = before.filter(([name, value]) => clocks[name]() !== value).map(([name]) => name);
    return moved.length > 0 ? moved : undefined;
};
