export interface Options {
    theirs: true;
    next?: Options;
}
export interface Request {
    wish: string;
}
