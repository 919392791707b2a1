package imapserver

// i18nLevelExtension says that SEARCH, SORT and THREAD compare texts by i;unicode-casemap, which
// message.Fold prepares them for, without their MIME encodings (RFC 5255 §4.6).
var i18nLevelExtension = extension{
	name: "I18NLEVEL", rfc: "RFC 5255",
	capabilities: afterLogin("I18NLEVEL=1"),
}
