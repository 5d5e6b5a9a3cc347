// Finds the cycles of a module graph: its strongly connected components, by Tarjan's algorithm, without recursion since
// a hostile graph may be deep.

import type { ModuleRecord } from "./record";

interface Step {
    module: ModuleRecord;
    next: number;
}

/** Gives every module below `root` its component, and returns those that had none, dependencies first. */
export function findComponents(root: ModuleRecord): ModuleRecord[] {
    if (root.requested.length === 0 && !root.component) { // most workers of models are one module
        root.component = { members: [root], isCycle: false, isHoisted: false };
        return [root];
    }
    const index = new Map<ModuleRecord, number>();
    const low = new Map<ModuleRecord, number>();
    const open: ModuleRecord[] = [];
    const walk: Step[] = [];
    const closed: ModuleRecord[] = [];

    const enter = (module: ModuleRecord): void => {
        low.set(module, index.size);
        index.set(module, index.size);
        open.push(module);
        walk.push({ module, next: 0 });
    };
    const close = (first: ModuleRecord): void => {
        const members = open.splice(open.lastIndexOf(first));
        const isCycle = members.length > 1 || first.requested.includes(first);
        const component = { members, isCycle, isHoisted: false };
        for (const member of members) member.component = component;
        closed.push(...members);
    };

    if (!root.component) enter(root);
    for (let step = walk.at(-1); step; step = walk.at(-1)) {
        const { module } = step;
        const child = module.requested[step.next++];
        if (child) {
            if (child.component) continue; // closed, now or before
            if (!index.has(child)) enter(child);
            else low.set(module, Math.min(low.get(module)!, index.get(child)!));
            continue;
        }
        walk.pop();
        const parent = walk.at(-1)?.module;
        if (parent) low.set(parent, Math.min(low.get(parent)!, low.get(module)!));
        if (low.get(module) === index.get(module)) close(module);
    }
    return closed;
}
