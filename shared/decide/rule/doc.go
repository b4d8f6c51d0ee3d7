// Package rule holds what tagging and retention share: files people write, read
// strictly and with a place for every mistake; facts about one asset, and which of them
// are known; expressions over those facts, checked when they are compiled; the media
// that tests inside such a file describe; and the one form in which protective words
// are compared (Fold, Protective, Near).
//
// It decides nothing itself, reads no clock (the moment comes in with the facts)
// and never runs an expression that was not fully checked before.
//
// # What becomes of the unknown
//
// A fact, or a field of a stream, is known, unknown (VOD did not tell it, or told it as
// zero, 1970 or an empty text) or does not apply (the height of a sound). For an answer
// the last two are the same: unknown. Every part of an expression is three-valued. An
// answer is yes or no only where every value of the unknown facts would give it:
//
//	a and b                no when one side is no, whatever the other; else unknown when one is
//	a or b                 yes when one side is yes, whatever the other; else unknown when one is
//	not a                  unknown of unknown
//	a ? b : c              with a unknown: known only if b and c are known and equal
//	== != < <= > >=        unknown when one side is; lists of different length are different
//	x in list              yes when a known element equals x; else unknown when x or an element is
//	contains startsWith endsWith matches
//	                       unknown when one side is
//	mentions has_word      yes when a known word is found; else unknown when the text or a word is
//	+ - * / % **           unknown when one side is; so are a quotient or rest by zero, an
//	                       overflow, and what is no finite number
//	a..b list[i] list[a:b] unknown when a part is; an index out of range is an error
//	all(list, p)           no when p is no for one element; unknown when it is for one, and
//	                       for an empty list
//	any(list, p)           yes when p is yes for one; else unknown when it is for one
//	none(list, p)          not any(list, p)
//	one(list, p)           no when p is yes for two; else unknown when it is for one
//	count sum min max      unknown when it is for one element; min and max of nothing are
//	filter(list, p)        unknown when p is for one element
//	map(list, e)           a list of known length whose elements may be unknown
//	len                    the length of a known list, though elements be unknown
//	days date lower upper trim split string int float abs ceil floor round
//	                       unknown when an argument is; int and float of a text that is no
//	                       number are errors
//	let x = a; b           x is a, known or not
//	nil ?? maps, members of times
//	                       nil, maps and members of times are always unknown; a ?? b is a
//
// Nothing follows from streams that are not there: with an empty list of streams only
// len(streams) is known. Every other function over streams is unknown, and so are all,
// any, none and one over a list that was filtered from them and is empty.
//
// An error is unknown with a reason; like every unknown, it may be settled by the rest.
//
// # Why
//
// A small interpreter of our own computes with unknown facts, and the expression library
// (expr-lang/expr, 2.6 MB) parses, checks types and evaluates where all is known. Every
// operator follows one table, and a test compares both on 150,000 expressions. Conditions
// rewritten into ones that ask for each fact first could be read by nobody; CEL costs 8 MB
// more. goccy/go-yaml (0.8 MB) tells errors with a caret; yaml.v3 tells no columns.
package rule
