"""The SMART app: launched from an EHR, it enters what no record holds, and saves it.

::

    launches       which EHR launches, and where its authorisation server is
    authorisation  code flow with PKCE: the way there, and the tokens on the way back
    assertions     the proof of an app that has a key
    identities     whether an id token is true, and who the clinician is
    scopes         what leave is asked for, and what was given
    sessions       what a session is, and a launch on its way to one
    seals          what only this service can read or change
    session_store  sessions as sealed rows at the server, and their handles
    cookies        what the browser keeps of them, and for whom
    questionnaires the forms as data: words, limits
    answers        whether answers fit them
    charts         what the patient's record says already, read as a hook call reads it
    reports        texts of the record, for people to read
    standings      how each question stands: known, open or closed
    measurements   the form of the values: what is open, and the assessment
    entries        what of it is written
    follow_up      the form of a visit: what is written
    resources      the answers as Observations, a Procedure and their Provenance
    saving         one transaction, or one by one
    accounts       what became of each entry
    door           who is let in
    framing        what others are answered, and in whose frame
    routes         launch and callback
    desk           what the forms work with, in each language, and how they save
    pages          the forms, and what they send
    assembly       all of it, from the parts of the service
    refusals       why something goes no further, in plain words

A token is in memory for the length of one request, and sealed in a row of the database
that only the handle of one browser opens; it is in no browser.
"""
