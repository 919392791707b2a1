package imapserver

// extensions are all that the server offers, in the order in which CAPABILITY tells of them. Each is
// in the file of its name.
var extensions = []*extension{
	&imap4rev1Extension,
	&imap4rev2Extension,

	&startTLSExtension,
	&loginExtension,
	&authenticateExtension,
	&saslIRExtension,
	&literalPlusExtension,
	&enableExtension,
	&idExtension,
	&idleExtension,

	&namespaceExtension,
	&uidPlusExtension,
	&unselectExtension,
	&listChildrenExtension,
	&listExtendedExtension,
	&listStatusExtension,
	&specialUseExtension,
	&createSpecialUseExtension,
	&metadataExtension,
	&metadataServerExtension,
	&listMetadataExtension,
	&esearchExtension,
	&searchResExtension,
	&moveExtension,
	&condStoreExtension,
	&qResyncExtension,
	&uidOnlyExtension,
	&inProgressExtension,
	&binaryExtension,
	&multiAppendExtension,
	&catenateExtension,
	&replaceExtension,
	&statusSizeExtension,
	&objectIDExtension,
	&appendLimitExtension,
}
