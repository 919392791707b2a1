// Package transcript runs *.imap files: conversations with an IMAP server, written down as they
// appear on the wire, with what the RFCs leave free left free.
//
// # Lines
//
// A session is one capital letter. The character after it says what the line is:
//
//	A: SELECT INBOX       sends a command; the tag is made up (A1, A2, ...)
//	A> DONE               sends a line without a tag: the end of IDLE, a SASL response, the rest
//	                      of a command after a literal, or anything malformed
//	A< Subject: x\r\n     sends octets and no line end: the content of a literal
//	A+                    expects a continuation request; with text, one with that text
//	A* 3 EXISTS           expects this untagged response, in any order with its neighbours
//	A* ...                allows untagged responses that are not listed
//	A? 1 RECENT           allows this untagged response, any number of times
//	A! {} EXPUNGE         forbids this untagged response, even where ... would allow it
//	A= OK [READ-WRITE]    expects the tagged response of the oldest command without one
//	A$                    expects that the server closes the connection
//
// The expectations that follow each other for one session are a group. A group that ends in a
// tagged response, a continuation request or the closed connection reads until that arrives; an
// untagged response in between that the group does not list fails it. A group without such an
// end, as in IDLE, waits until everything that it expects with * has come.
//
// # What matches
//
// Responses are compared as the grammar reads them, not as text:
//
//   - {} matches one atom, string or list; {a|b} one of several atoms; {name} anything, which it
//     captures: from then on {name} is that value, in expectations and in lines that are sent. A
//     placeholder may be part of an atom: AUTH={}.
//   - ... at the end of a line or list matches whatever else is there.
//   - A string matches in every form that the grammar allows (quoted, literal). An expectation
//     without quotes matches an atom or a string: INBOX matches "INBOX". In quotes, \r \n \t \xNN
//     stand for octets. ~"..." is a string that must be sent as a literal8. {@file} is the content
//     of a file beside the transcript.
//   - The order of flags, mailbox attributes, capabilities, search results and of the items of
//     FETCH, STATUS, ESEARCH and ID does not matter, and neither does the way in which a set of
//     numbers is written (1:3 or 1,2,3).
//   - In such an unordered list !\Deleted forbids an element.
//   - \Recent is compared only where the expectation mentions it, as \Recent or !\Recent: which
//     session gets it depends on the revision (RFC 3501 §2.3.2, RFC 9051 §2.3.2). Likewise 3 RECENT
//     counts only in groups that mention RECENT.
//   - Of OK, NO, BAD, BYE and PREAUTH the code is compared when the expectation has one, the text
//     never. ![CODE] forbids a code.
//   - RESULT 1 3 is the result of a SEARCH without RETURN: SEARCH 1 3 for an IMAP4rev1 client,
//     ESEARCH (TAG {tag}) ALL 1,3 for an IMAP4rev2 one, with UID after UID SEARCH.
//   - EXPUNGED 1 3 is the removal of two messages, numbered as they were when the group began,
//     in whatever order the server takes them.
//
// Besides, every response has to obey the grammar's tokens and what holds always: EXPUNGE comes
// neither while FETCH, STORE or SEARCH runs nor, unless NOTIFY has asked for it, while no command does
// (RFC 9051 §7.5.1), EXISTS does not shrink, numbers are within the mailbox, IMAP4rev2 clients hear nothing of \Recent and
// get the UID with every unasked FETCH, and IMAP4rev1 clients get no octets above 127 outside of
// literals.
//
// # Sending
//
// In sent lines {name} is a captured value, {} and {+} announce a literal (synchronising or not)
// as long as the A< lines that follow, and {12} or {12+} one of a length that need not be true.
// These names exist from the start: {tag} the tag of the last command, {user}, {password},
// {plain}, {user64} and {password64} (their base64, as AUTHENTICATE PLAIN and LOGIN send them).
//
// # Directives
//
//	# RFC 9051 §6.4.7: why            a comment; every transcript begins with one that cites
//	seed INBOX 3                      3 messages, the same every time, arrive in a mailbox
//	seed INBOX "Subject: x\r\n\r\n" (\Seen) "01-Jan-2024 10:00:00 +0000"
//	seed INBOX mime.eml (\Seen)       the file's content; flags and date may be left out
//	connect A raw                     connects without logging in; the greeting is the first line
//	connect B rev1                    logs in without enabling anything, whatever the mode
//	tls A                             starts the TLS handshake, after STARTTLS
//	compress A                        compresses from here on, after COMPRESS
//	uncompress A                      ends that, after UNAUTHENTICATE
//	close A                           the client drops the connection
//	only rev1                         runs in modes that have this label
//	skip tls remote                   does not run in modes that have one of these labels
//	need MOVE                         the server must have the capability
//	[rev1] A* 3 RECENT                the line is there in modes that have the label; [!tls] others
//
// A mailbox that is seeded is created when it does not exist. Other sessions exist from where they
// are first mentioned: they are logged in as the test's user and, in mode rev2, have enabled
// IMAP4rev2. Labels are the revision, plain or tls, compress where every
// session compresses behind its login, and the parts of the mode's name.
//
// # Running
//
// Run runs every transcript of a folder in every mode and revision, each with a fresh account. With
// IMAP_ADDR set it runs them against that server instead; see Run. With -update the expectations
// that failed are rewritten as the server answered, to be read before they are believed.
package transcript
