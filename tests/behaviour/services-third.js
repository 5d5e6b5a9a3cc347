// A bare module among others: called "services-third" after its file.

export default {
    fetch: (request) => new Response(`third: ${new URL(request.url).pathname}`),
};
