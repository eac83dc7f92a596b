// Shows the document. The API is where this page is, whatever the stage or the domain.
const page = document.getElementById("page");
const folder = page.dataset.folder;
const root = location.pathname.slice(0, location.pathname.lastIndexOf(`/${folder}`));

fetch(`${folder}/openapi.json`)
  .then((response) => response.json())
  .then((spec) => {
    document.title = spec.info.title;
    SwaggerUIBundle({
      spec: { ...spec, servers: [{ url: location.origin + root }] },
      domNode: page,
      deepLinking: true,
      tryItOutEnabled: true,
      validatorUrl: null,
    });
  });
