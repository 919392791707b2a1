// Package summary keeps what clients ask of a message most in the form in which it is sent: the
// header cache that a store holds beside each message, so that answering FETCH and SEARCH is
// copying and the message itself is not opened.
//
// A summary is small, whatever the message is: 64 KiB at most, of a message of ten thousand parts too.
// What is longer is left out and made from the message when it is asked for.
//
// A summary is an opaque value that starts with a version. One that is not Valid, from an older
// version for example, is thrown away and built again from the message. Nothing in here panics on
// damaged bytes; damage reads as absence.
package summary
