import { load } from "cheerio/slim";

export const run = () => {
    const $ = load("<ul><li class=a>one<li>two &amp; three</ul><a href='/x'>link</a>");
    $("li.a").attr("data-n", "1").after("<li>new</li>");
    return [$("li").map((_, item) => $(item).text()).get(), $("a").attr("href"), $("ul").html(), $("ul > li:nth-child(2)").text()];
};
export const expected = [["one", "new", "two & three"], "/x", '<li class="a" data-n="1">one</li><li>new</li><li>two &amp; three</li>', "new"];
