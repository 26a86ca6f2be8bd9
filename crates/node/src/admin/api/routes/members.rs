//! What is asked about a process's place in its cluster.

use axum::http::StatusCode;

use super::{Draft, Routes, changing, get, post, running};
use crate::admin::api::internal_certificates::{self, InternalCertificates, TokenMade, TokenWanted};
use crate::admin::api::internal_members::{self, MemberUnwanted};

pub(super) fn add(routes: &mut Routes) {
    const PATH: &str = "/api/v1/internal-certificates";
    const ROTATE: &str = "/api/v1/internal-certificates/rotate";
    const ROTATE_AUTHORITY: &str = "/api/v1/internal-certificates/rotate-authority";
    const REMOVE: &str = "/api/v1/internal-certificates/remove";
    const TOKENS: &str = "/api/v1/internal-certificates/tokens";
    routes.add(
        get(PATH),
        |draft| {
            let draft =
                draft.id("readInternalCertificates", "How this process and others of its cluster know each other.");
            of_member(draft.json::<InternalCertificates>("Its certificate, and the authority where that is here."))
        },
        internal_certificates::read,
    );
    routes.add(
        post(ROTATE),
        |draft| {
            let draft = draft.id("rotateInternalCertificate", "Has the certificate of this process renewed now.");
            turning(draft).refused(StatusCode::CONFLICT, "Links are not encrypted.")
        },
        internal_certificates::rotate,
    );
    routes.add(
        post(ROTATE_AUTHORITY),
        |draft| {
            let draft = draft.id("rotateInternalAuthority", "Announces a successor of the cluster's authority now.");
            turning(draft).refused(StatusCode::CONFLICT, "A rotation is under way, or links are not encrypted.")
        },
        internal_certificates::rotate_authority,
    );
    routes.add(
        post(TOKENS),
        |draft| {
            let draft = draft.id("makeJoinToken", "Makes a token with which a process joins the cluster.");
            let draft =
                draft.body::<TokenWanted>().json_with::<TokenMade>(StatusCode::CREATED, "The token, which is secret.");
            changing(of_member(draft))
                .refused(StatusCode::CONFLICT, "Links are not encrypted, or there are too many tokens.")
        },
        internal_certificates::token,
    );
    routes.add(
        post(REMOVE),
        |draft| {
            let draft = draft.id("removeInternalMember", "Takes a process's standing in the cluster away.");
            let draft = draft.body::<MemberUnwanted>().json_with::<InternalCertificates>(
                StatusCode::ACCEPTED,
                "Its certificate is refused here, and by the other processes within ten seconds.",
            );
            let why = "No such process is known, it is this one, too many were removed, or links are not encrypted.";
            changing(of_member(draft)).refused(StatusCode::CONFLICT, why)
        },
        internal_members::remove,
    );
}

fn turning(draft: Draft<'_>) -> Draft<'_> {
    let draft = draft.json_with::<InternalCertificates>(StatusCode::ACCEPTED, "It begins at once.");
    changing(of_member(draft))
}

fn of_member(draft: Draft<'_>) -> Draft<'_> {
    running(draft).refused(StatusCode::NOT_FOUND, "This process is in no cluster, or the authority is in another one.")
}
