// The other side of clocks.js: time passes from one thing to do to the next, and a timer never sees less than its delay.

export default async () => {
    for (const delay of [1, 2, 5, 10, 20]) {
        const [wall, steady] = [Date.now(), performance.now()];
        await new Promise((resolve) => setTimeout(resolve, delay));
        const passed = performance.now() - steady;
        if (passed < delay) return `${passed} ms in a timer of ${delay} ms`;
        if (Date.now() - wall < delay - 1) return `${Date.now() - wall} ms of Date.now in a timer of ${delay} ms`;
    }
};
