import { Octokit } from "@octokit/rest";

export const run = async () => {
    const asked = [];
    const fetch = async (url) => {
        asked.push(url);
        const page = Number(new URL(url).searchParams.get("page") ?? 1);
        const headers = page < 2 ? { link: '<https://api.github.com/repos/o/r/issues?page=2>; rel="next"' } : {};
        return Response.json([{ number: page, title: `issue ${page}` }], { headers });
    };
    const octokit = new Octokit({ auth: "t", request: { fetch } });
    const issues = await octokit.paginate(octokit.rest.issues.listForRepo, { owner: "o", repo: "r" });
    return [issues.map(({ title }) => title), asked];
};
export const expected = [
    ["issue 1", "issue 2"],
    ["https://api.github.com/repos/o/r/issues", "https://api.github.com/repos/o/r/issues?page=2"],
];
