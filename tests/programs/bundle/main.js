import { total } from "./numbers.js";
import words from "./words.json";
import { unused } from "./numbers.js";

console.log(words.hello, total([1, 2, 3]));
